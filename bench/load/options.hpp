// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace userblk::bench {

/// What the load generator does. Sizes are in bytes.
struct Options {
    std::string device;
    bool write = false;
    bool sequential = false;
    std::uint64_t block = 4096;
    unsigned depth = 1;      ///< requests in flight per job
    unsigned jobs = 1;       ///< threads
    unsigned segments = 8;   ///< after one more to warm up, which does not count
    std::uint64_t count = 0; ///< requests per job and segment; or
    double seconds = 0;      ///< the length of a segment
    std::uint64_t span = 0;  ///< from the beginning of the device; 0: all of it
    std::uint64_t seed = 1;  ///< of the offsets; the same seed gives the same ones
    bool latency = false;    ///< time every request
    std::string buffers;     ///< file in whose memory the data are; empty: the process' own
    std::vector<int> cpus;   ///< job i runs on cpus[i % size]; empty: anywhere
};

} // namespace userblk::bench
