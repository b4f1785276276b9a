// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/userblk_ioctl.h"
#include "userblk/ctl/format/columns.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace userblk::ctl {

/// A counter of struct userblk_info, and its names.
struct Counter {
    const char* name;
    __u64 userblk_info::*member;
    const char* column; ///< in a table
};
/// All monotonic counters, in the order of printing.
const std::vector<Counter>& counters();

bool is_bytes(const Counter& counter);

/// Counts of a device since creation, or rates per second.
struct StatsRow {
    userblk_info info;                     ///< current
    std::chrono::nanoseconds interval{};   ///< 0: since creation
    std::vector<std::uint64_t> counters{}; ///< of counters()
};
StatsRow counts_of(const userblk_info& info);
StatsRow rates_between(const userblk_info& before, const userblk_info& now,
                       std::chrono::nanoseconds interval);

/// Of rows since creation, or of those per second.
enum class StatsKind { counts, rates };
const std::vector<Column<StatsRow>>& stats_columns(StatsKind kind);
/// The default columns, most important first, because a narrow terminal drops the last
/// ones.
std::string default_stats_columns();

} // namespace userblk::ctl
