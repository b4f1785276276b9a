// SPDX-License-Identifier: MIT
#pragma once

#include "bench/load/buffers.hpp"
#include "bench/load/options.hpp"
#include "bench/load/ring.hpp"
#include "ioctl/file_descriptor.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

namespace userblk::bench {

/// One thread's part of the load: a fixed sequence of offsets, read or written with O_DIRECT, one
/// after the other (pread, pwrite) or with several in flight (io_uring). Designed to cost little
/// compared with what is measured.
class Job {
public:
    using Clock = std::chrono::steady_clock;

    struct Segment {
        std::uint64_t requests = 0;
        Clock::time_point start, end;
    };

    /// @p index distinguishes the jobs of one run.
    /// @throws std::system_error, std::invalid_argument
    Job(const Options& options, unsigned index);

    /// Runs one segment; the first one warms up.
    /// @throws std::system_error
    Segment run_segment(bool count_latency);

    /// The latency of each request in the counted segments, in nanoseconds; with Options::latency.
    const std::vector<std::uint32_t>& latencies() const noexcept { return latencies_; }

private:
    class Finish;

    std::uint64_t next_offset() noexcept;
    void run_serial(Finish& finish, Segment& segment);
    void run_deep(Finish& finish, Segment& segment);
    void check(std::int64_t result) const {
        if (result != static_cast<std::int64_t>(options_.block)) [[unlikely]]
            fail(result);
    }
    [[noreturn]] void fail(std::int64_t result) const;

    const Options& options_;
    abi::FileDescriptor file_;
    std::uint64_t blocks_;
    std::uint64_t random_;
    std::uint64_t at_ = 0; ///< sequential
    Buffers buffers_;
    std::unique_ptr<Ring> ring_;            ///< none at depth 1
    std::vector<Clock::time_point> starts_; ///< of requests in flight
    std::vector<std::uint32_t> latencies_;
    bool count_latency_ = false;
};

} // namespace userblk::bench
