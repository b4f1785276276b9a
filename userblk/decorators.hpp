// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backend.hpp"
#include "userblk/log.hpp"

#include <atomic>
#include <chrono>
#include <memory>

namespace userblk {

/// A backend that stands before another and passes every call on; the base of
/// those below, to be composed in any order:
///
///     auto store = std::make_shared<FileBackend>("disk.img");
///     auto slow = std::make_shared<DelayBackend>(store, 10ms);
///     auto told = std::make_shared<LogBackend>(slow, log);
///
/// What lets data take a way past read() and write() is not passed on (mapping(),
/// reads_as_zeroes(), wants_data()), so that a decorator sees all of it.
class Decorator : public Backend {
public:
    explicit Decorator(std::shared_ptr<Backend> inner);

    Description describe() const override;
    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override;
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          WriteFlags flags) override;
    std::error_code flush() override;
    std::error_code discard(std::uint64_t offset, std::uint64_t length) override;
    std::error_code write_zeroes(std::uint64_t offset, std::uint64_t length,
                                 ZeroFlags flags) override;
    std::error_code bring_in() noexcept override;
    std::vector<StoreFile> store_files() const override;

protected:
    Backend& inner() const noexcept { return *inner_; }

private:
    std::shared_ptr<Backend> inner_;
};

/// One message per call when it is done: what, where, how long, which error.
class LogBackend final : public Decorator {
public:
    LogBackend(std::shared_ptr<Backend> inner, LogFunction log,
               LogLevel level = LogLevel::information);

    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override;
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          WriteFlags flags) override;
    std::error_code flush() override;
    std::error_code discard(std::uint64_t offset, std::uint64_t length) override;
    std::error_code write_zeroes(std::uint64_t offset, std::uint64_t length,
                                 ZeroFlags flags) override;

private:
    LogFunction log_;
    LogLevel level_;
};

/// Each call sleeps for a time before it is carried out; each thread on its own.
class DelayBackend final : public Decorator {
public:
    DelayBackend(std::shared_ptr<Backend> inner, std::chrono::nanoseconds delay);

    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override;
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          WriteFlags flags) override;
    std::error_code flush() override;
    std::error_code discard(std::uint64_t offset, std::uint64_t length) override;
    std::error_code write_zeroes(std::uint64_t offset, std::uint64_t length,
                                 ZeroFlags flags) override;

private:
    std::chrono::nanoseconds delay_;
};

/// Every Nth call, counted over all kinds and threads of this process, fails and
/// is not carried out.
class ErrorBackend final : public Decorator {
public:
    /// @throws std::invalid_argument if @p interval is 0
    ErrorBackend(std::shared_ptr<Backend> inner, std::uint64_t interval,
                 std::error_code error = std::make_error_code(std::errc::io_error));

    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override;
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          WriteFlags flags) override;
    std::error_code flush() override;
    std::error_code discard(std::uint64_t offset, std::uint64_t length) override;
    std::error_code write_zeroes(std::uint64_t offset, std::uint64_t length,
                                 ZeroFlags flags) override;

private:
    bool due() noexcept;

    std::uint64_t interval_;
    std::error_code error_;
    std::atomic<std::uint64_t> calls_ = 0;
};

/// Whatever would change the store fails with EROFS; flushes are passed on.
class ReadOnlyBackend final : public Decorator {
public:
    using Decorator::Decorator;

    Description describe() const override;
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          WriteFlags flags) override;
    std::error_code discard(std::uint64_t offset, std::uint64_t length) override;
    std::error_code write_zeroes(std::uint64_t offset, std::uint64_t length,
                                 ZeroFlags flags) override;
    std::vector<StoreFile> store_files() const override;
    /// Passed on for loading only.
    std::span<std::byte> mapping(std::uint64_t offset, std::size_t length,
                                 Access access) noexcept override;
};

/// Counts the calls that it passes on, in this process.
class StatsBackend final : public Decorator {
public:
    struct Counts {
        std::uint64_t reads = 0;
        std::uint64_t writes = 0;
        std::uint64_t durable_writes = 0; ///< those of the writes with FUA
        std::uint64_t flushes = 0;
        std::uint64_t discards = 0;
        std::uint64_t write_zeroes = 0;
        std::uint64_t bytes_read = 0;
        std::uint64_t bytes_written = 0;
        std::uint64_t errors = 0;
    };

    using Decorator::Decorator;

    /// The counts so far, each exact, read one after the other.
    Counts counts() const noexcept;

    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override;
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          WriteFlags flags) override;
    std::error_code flush() override;
    std::error_code discard(std::uint64_t offset, std::uint64_t length) override;
    std::error_code write_zeroes(std::uint64_t offset, std::uint64_t length,
                                 ZeroFlags flags) override;

private:
    using Counter = std::atomic<std::uint64_t>;
    std::error_code count(Counter& calls, std::error_code result) noexcept;

    Counter reads_ = 0, writes_ = 0, durable_writes_ = 0, flushes_ = 0, discards_ = 0;
    Counter write_zeroes_ = 0, bytes_read_ = 0, bytes_written_ = 0, errors_ = 0;
};

} // namespace userblk
