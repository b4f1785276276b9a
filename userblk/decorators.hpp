// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backend.hpp"
#include "userblk/log.hpp"

#include <atomic>
#include <chrono>
#include <memory>

namespace userblk {

/// A backend that stands before another, and may give it other data than it was given:
/// an encrypting or compressing layer, one that adds checksums. It sees all data: reads,
/// writes and flushes are passed on, and nothing that would let data take a way past
/// read() and write(). So write_zeroes() calls the derived class's write() with zeros,
/// discard() is not supported, and describe() offers neither of both; mapping(),
/// reads_as_zeroes(), redirect() and wants_data() are those of a store that has none.
/// A class that can do one of them, in terms of its own data, overrides it and
/// describe(), and calls inner().
///
/// One that leaves the data as they are is a TransparentDecorator.
class Decorator : public Backend {
public:
    explicit Decorator(std::shared_ptr<Backend> inner);

    Description describe() const override;
    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override;
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          WriteFlags flags) override;
    std::error_code flush() override;
    std::error_code bring_in() noexcept override;
    std::vector<StoreFile> store_files() const override;

protected:
    Backend& inner() const noexcept { return *inner_; }

private:
    std::shared_ptr<Backend> inner_;
};

/// A decorator that leaves data as they are, and so passes on discards and zeroes, too;
/// the base of those below, to be composed in any order:
///
///     auto store = std::make_shared<FileBackend>("disk.img");
///     auto slow = std::make_shared<DelayBackend>(store, 10ms);
///     auto told = std::make_shared<LogBackend>(slow, log);
///
/// Not for a layer whose read() gives something else than what its write() has stored:
/// zeros that are passed on would be read as noise.
class TransparentDecorator : public Decorator {
public:
    using Decorator::Decorator;

    Description describe() const override;
    std::error_code discard(std::uint64_t offset, std::uint64_t length) override;
    std::error_code write_zeroes(std::uint64_t offset, std::uint64_t length,
                                 ZeroFlags flags) override;
};

/// One message per call when it is done: what, where, how long, which error.
class LogBackend final : public TransparentDecorator {
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
class DelayBackend final : public TransparentDecorator {
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
class ErrorBackend final : public TransparentDecorator {
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
class ReadOnlyBackend final : public TransparentDecorator {
public:
    using TransparentDecorator::TransparentDecorator;

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
class StatsBackend final : public TransparentDecorator {
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

    using TransparentDecorator::TransparentDecorator;

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
