// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/decorator.hpp"

#include <atomic>

namespace userblk {

/// Counts the operations it forwards, in this process.
class StatsBackend final : public TransparentDecorator {
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

    using TransparentDecorator::TransparentDecorator;

    /// The counts so far; each is exact, but they are read one after the other.
    Counts counts() const noexcept;

protected:
    std::error_code around(const Operation& operation, const Proceed& proceed) override;

private:
    using Counter = std::atomic<std::uint64_t>;
    Counter& calls_of(Operation::Kind kind) noexcept;
    void count_done(const Operation& operation) noexcept;

    Counter reads_ = 0, writes_ = 0, durable_writes_ = 0, flushes_ = 0, discards_ = 0;
    Counter write_zeroes_ = 0, bytes_read_ = 0, bytes_written_ = 0, errors_ = 0;
};

} // namespace userblk
