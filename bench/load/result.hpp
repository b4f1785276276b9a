// SPDX-License-Identifier: MIT
#pragma once

#include "bench/load/job.hpp"

#include <string>
#include <vector>

namespace userblk::bench {

/// The jobs' results: one list of segments for each job.
struct Result {
    std::vector<std::vector<Job::Segment>> segments;
    std::vector<std::uint32_t> latencies; ///< nanoseconds
    std::uint64_t cpu_ns = 0;             ///< of this process, in all counted segments
    std::uint64_t switches = 0;           ///< of contexts on the whole machine, likewise
};

/// The options and the result as one line of JSON. Times are in nanoseconds: "ns_per_io" has one
/// figure per segment, for all jobs together.
std::string to_json(const Options& options, Result result);

} // namespace userblk::bench
