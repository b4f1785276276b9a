// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/async_decorator.hpp"
#include "userblk/decorator.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace userblk {

/// Counts operations. Callable from any thread.
class OperationCounter {
public:
    struct Counts {
        std::uint64_t reads = 0;
        std::uint64_t writes = 0;
        std::uint64_t durable_writes = 0; ///< writes with FUA
        std::uint64_t flushes = 0;
        std::uint64_t discards = 0;
        std::uint64_t write_zeroes = 0;
        std::uint64_t bytes_read = 0;
        std::uint64_t bytes_written = 0;
        std::uint64_t errors = 0;
    };

    /// An operation has ended.
    void add(const Operation& operation, std::error_code error) noexcept;
    /// The counts so far; each is exact, but they are read one after the other.
    Counts counts() const noexcept;

private:
    using Counter = std::atomic<std::uint64_t>;
    Counter& calls_of(Operation::Kind kind) noexcept;
    void count_done(const Operation& operation) noexcept;

    Counter reads_ = 0, writes_ = 0, durable_writes_ = 0, flushes_ = 0, discards_ = 0;
    Counter write_zeroes_ = 0, bytes_read_ = 0, bytes_written_ = 0, errors_ = 0;
};

/// Counts the operations it forwards, in this process.
class StatsBackend final : public TransparentDecorator {
public:
    using Counts = OperationCounter::Counts;
    using TransparentDecorator::TransparentDecorator;

    Counts counts() const noexcept { return counter_.counts(); }

protected:
    std::error_code around(const Operation& operation, const Proceed& proceed) override;

private:
    OperationCounter counter_;
};

/// The same for asynchronous stores.
class AsyncStatsBackend final : public AsyncDecorator {
public:
    /// @param counter may be that of the objects of several threads
    AsyncStatsBackend(EventLoop& loop, std::unique_ptr<AsyncBackend> inner,
                      std::shared_ptr<OperationCounter> counter)
        : AsyncDecorator(loop, std::move(inner)), counter_(std::move(counter)) {}

protected:
    Task<> around(Slot& slot, Operation operation, Proceed proceed) override;

private:
    std::shared_ptr<OperationCounter> counter_;
};

} // namespace userblk
