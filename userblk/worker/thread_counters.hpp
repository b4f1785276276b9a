// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/userblk_ioctl.h"
#include "userblk/worker.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace userblk {

/// Internal: a counter that one thread increments and others read.
class ThreadCounter {
public:
    void add(std::uint64_t n = 1) noexcept { value_.store(get() + n, std::memory_order_relaxed); }
    std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_ = 0;
};

/// Internal: the totals of one thread; see Worker::Counts.
struct ThreadCounters {
    /// The operations known here; a later module may have more.
    static constexpr std::size_t operations = USERBLK_OP_WRITE_ZEROES + 1;

    ThreadCounter requests;
    std::array<ThreadCounter, operations> by_operation; ///< by USERBLK_OP_*
    ThreadCounter bytes_read, bytes_written, errors, stale, resets, put_back;

    void count(const userblk_request& request) noexcept {
        requests.add();
        if (request.op < operations)
            by_operation[request.op].add();
        if (request.op == USERBLK_OP_READ)
            bytes_read.add(request.length);
        else if (request.op == USERBLK_OP_WRITE)
            bytes_written.add(request.length);
    }

    void add_to(Worker::Counts& sum) const noexcept {
        sum.requests += requests.get();
        sum.reads += by_operation[USERBLK_OP_READ].get();
        sum.writes += by_operation[USERBLK_OP_WRITE].get();
        sum.flushes += by_operation[USERBLK_OP_FLUSH].get();
        sum.discards += by_operation[USERBLK_OP_DISCARD].get();
        sum.write_zeroes += by_operation[USERBLK_OP_WRITE_ZEROES].get();
        sum.bytes_read += bytes_read.get();
        sum.bytes_written += bytes_written.get();
        sum.errors += errors.get();
        sum.stale += stale.get();
        sum.resets += resets.get();
        sum.put_back += put_back.get();
    }
};

} // namespace userblk
