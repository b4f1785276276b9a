// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/userblk_ioctl.h"

#include <chrono>
#include <cstdint>
#include <vector>

namespace userblk::cli {
class JsonWriter;
}

namespace userblk::ctl {

/// A counter of struct userblk_info, and what it is called.
struct Counter {
    const char* name;
    __u64 userblk_info::*member;
    const char* heading = nullptr; ///< over its rate, in a table; none: not in one
    int place = 0;                 ///< of that column
};
/// All counters that only grow, in the order of printing.
const std::vector<Counter>& counters();

bool is_bytes(const Counter& counter);

/// How much the counters of a device grew.
struct Rates {
    userblk_info info; ///< at the end
    std::chrono::nanoseconds interval{};
    std::vector<std::uint64_t> per_second; ///< of counters()
};
Rates rates_between(const userblk_info& before, const userblk_info& now,
                    std::chrono::nanoseconds interval);

/// What was counted since creation: an object.
void write_counts(cli::JsonWriter& json, const userblk_info& info);
/// What was counted per second: an object.
void write_rates(cli::JsonWriter& json, const Rates& rates);

} // namespace userblk::ctl
