// SPDX-License-Identifier: MIT
#include "userblk/decorators.hpp"

#include "userblk/units.hpp"

#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace userblk {

// ---------------------------------------------------------------- Decorator

Decorator::Decorator(std::shared_ptr<Backend> inner) : inner_(std::move(inner)) {
    if (!inner_)
        throw std::invalid_argument("a decorator needs a backend");
}

Description Decorator::describe() const {
    auto description = inner_->describe();
    description.discard = false;
    description.discard_granularity = 0;
    description.write_zeroes = false;
    return description;
}

std::error_code Decorator::read(std::uint64_t offset, std::span<std::byte> data) {
    return inner_->read(offset, data);
}

std::error_code Decorator::write(std::uint64_t offset, std::span<const std::byte> data,
                                 WriteFlags flags) {
    return inner_->write(offset, data, flags);
}

std::error_code Decorator::flush() {
    return inner_->flush();
}

std::error_code Decorator::bring_in() noexcept {
    return inner_->bring_in();
}

std::vector<StoreFile> Decorator::store_files() const {
    return inner_->store_files();
}

// ----------------------------------------------------- TransparentDecorator

Description TransparentDecorator::describe() const {
    return inner().describe();
}

std::error_code TransparentDecorator::discard(std::uint64_t offset, std::uint64_t length) {
    return inner().discard(offset, length);
}

std::error_code TransparentDecorator::write_zeroes(std::uint64_t offset, std::uint64_t length,
                                                   ZeroFlags flags) {
    return inner().write_zeroes(offset, length, flags);
}

// --------------------------------------------------------------- LogBackend

namespace {

// Carries a call out and tells of it.
template <class Call>
std::error_code logged(const LogFunction& log, LogLevel level, const std::string& what,
                       Call&& call) {
    const auto start = std::chrono::steady_clock::now();
    const std::error_code error = call();
    if (log) {
        std::ostringstream text;
        text << what << ": " << (error ? error.message() : "ok") << ", "
             << format_duration(std::chrono::steady_clock::now() - start);
        log(level, text.str());
    }
    return error;
}

std::string describe_call(const char* name, std::uint64_t offset, std::uint64_t length,
                          const char* flag = "") {
    std::ostringstream text;
    text << name << " of " << length << " at " << offset << flag;
    return text.str();
}

} // namespace

LogBackend::LogBackend(std::shared_ptr<Backend> inner, LogFunction log, LogLevel level)
    : TransparentDecorator(std::move(inner)), log_(std::move(log)), level_(level) {}

std::error_code LogBackend::read(std::uint64_t offset, std::span<std::byte> data) {
    return logged(log_, level_, describe_call("read", offset, data.size()),
                  [&] { return inner().read(offset, data); });
}

std::error_code LogBackend::write(std::uint64_t offset, std::span<const std::byte> data,
                                  WriteFlags flags) {
    return logged(log_, level_,
                  describe_call("write", offset, data.size(), flags.fua ? ", durable" : ""),
                  [&] { return inner().write(offset, data, flags); });
}

std::error_code LogBackend::flush() {
    return logged(log_, level_, "flush", [&] { return inner().flush(); });
}

std::error_code LogBackend::discard(std::uint64_t offset, std::uint64_t length) {
    return logged(log_, level_, describe_call("discard", offset, length),
                  [&] { return inner().discard(offset, length); });
}

std::error_code LogBackend::write_zeroes(std::uint64_t offset, std::uint64_t length,
                                         ZeroFlags flags) {
    return logged(log_, level_,
                  describe_call("write of zeros", offset, length,
                                flags.keep_allocated ? ", keeping it allocated" : ""),
                  [&] { return inner().write_zeroes(offset, length, flags); });
}

// ------------------------------------------------------------- DelayBackend

DelayBackend::DelayBackend(std::shared_ptr<Backend> inner, std::chrono::nanoseconds delay)
    : TransparentDecorator(std::move(inner)), delay_(delay) {}

std::error_code DelayBackend::read(std::uint64_t offset, std::span<std::byte> data) {
    std::this_thread::sleep_for(delay_);
    return inner().read(offset, data);
}

std::error_code DelayBackend::write(std::uint64_t offset, std::span<const std::byte> data,
                                    WriteFlags flags) {
    std::this_thread::sleep_for(delay_);
    return inner().write(offset, data, flags);
}

std::error_code DelayBackend::flush() {
    std::this_thread::sleep_for(delay_);
    return inner().flush();
}

std::error_code DelayBackend::discard(std::uint64_t offset, std::uint64_t length) {
    std::this_thread::sleep_for(delay_);
    return inner().discard(offset, length);
}

std::error_code DelayBackend::write_zeroes(std::uint64_t offset, std::uint64_t length,
                                           ZeroFlags flags) {
    std::this_thread::sleep_for(delay_);
    return inner().write_zeroes(offset, length, flags);
}

// ------------------------------------------------------------- ErrorBackend

ErrorBackend::ErrorBackend(std::shared_ptr<Backend> inner, std::uint64_t interval,
                           std::error_code error)
    : TransparentDecorator(std::move(inner)), interval_(interval), error_(error) {
    if (interval_ == 0)
        throw std::invalid_argument("the interval of errors must be at least 1");
}

bool ErrorBackend::due() noexcept {
    return (calls_.fetch_add(1) + 1) % interval_ == 0;
}

std::error_code ErrorBackend::read(std::uint64_t offset, std::span<std::byte> data) {
    return due() ? error_ : inner().read(offset, data);
}

std::error_code ErrorBackend::write(std::uint64_t offset, std::span<const std::byte> data,
                                    WriteFlags flags) {
    return due() ? error_ : inner().write(offset, data, flags);
}

std::error_code ErrorBackend::flush() {
    return due() ? error_ : inner().flush();
}

std::error_code ErrorBackend::discard(std::uint64_t offset, std::uint64_t length) {
    return due() ? error_ : inner().discard(offset, length);
}

std::error_code ErrorBackend::write_zeroes(std::uint64_t offset, std::uint64_t length,
                                           ZeroFlags flags) {
    return due() ? error_ : inner().write_zeroes(offset, length, flags);
}

// ---------------------------------------------------------- ReadOnlyBackend

namespace {
const auto read_only_error = std::make_error_code(std::errc::read_only_file_system);
}

Description ReadOnlyBackend::describe() const {
    auto description = inner().describe();
    description.read_only = true;
    description.discard = false;
    description.write_zeroes = false;
    return description;
}

std::error_code ReadOnlyBackend::write(std::uint64_t, std::span<const std::byte>, WriteFlags) {
    return read_only_error;
}

std::error_code ReadOnlyBackend::discard(std::uint64_t, std::uint64_t) {
    return read_only_error;
}

std::error_code ReadOnlyBackend::write_zeroes(std::uint64_t, std::uint64_t, ZeroFlags) {
    return read_only_error;
}

std::vector<StoreFile> ReadOnlyBackend::store_files() const {
    auto files = Decorator::store_files();
    for (auto& file : files)
        file.read_only = true;
    return files;
}

std::span<std::byte> ReadOnlyBackend::mapping(std::uint64_t offset, std::size_t length,
                                              Access access) noexcept {
    return access == Access::load ? inner().mapping(offset, length, access)
                                  : std::span<std::byte>();
}

// ------------------------------------------------------------- StatsBackend

StatsBackend::Counts StatsBackend::counts() const noexcept {
    return {reads_,        writes_,     durable_writes_, flushes_, discards_,
            write_zeroes_, bytes_read_, bytes_written_,  errors_};
}

std::error_code StatsBackend::count(Counter& calls, std::error_code result) noexcept {
    ++calls;
    if (result)
        ++errors_;
    return result;
}

std::error_code StatsBackend::read(std::uint64_t offset, std::span<std::byte> data) {
    const auto result = count(reads_, inner().read(offset, data));
    if (!result)
        bytes_read_ += data.size();
    return result;
}

std::error_code StatsBackend::write(std::uint64_t offset, std::span<const std::byte> data,
                                    WriteFlags flags) {
    const auto result = count(writes_, inner().write(offset, data, flags));
    if (flags.fua)
        ++durable_writes_;
    if (!result)
        bytes_written_ += data.size();
    return result;
}

std::error_code StatsBackend::flush() {
    return count(flushes_, inner().flush());
}

std::error_code StatsBackend::discard(std::uint64_t offset, std::uint64_t length) {
    return count(discards_, inner().discard(offset, length));
}

std::error_code StatsBackend::write_zeroes(std::uint64_t offset, std::uint64_t length,
                                           ZeroFlags flags) {
    return count(write_zeroes_, inner().write_zeroes(offset, length, flags));
}

} // namespace userblk
