// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace userblk {

/// A size in bytes from "4096", "512K", "10G", "1.5T": powers of 1024, K to E,
/// also as KiB and KB, in either case.
/// @throws std::invalid_argument with the invalid text and the valid forms
std::uint64_t parse_size(std::string_view text);

/// "512", "4K", "1.5G": exact if that is short, otherwise with one digit after the
/// point, like lsblk.
std::string format_size(std::uint64_t bytes);

/// "1 worker", "2 workers": @p noun takes a plural in s.
std::string format_count(std::uint64_t count, std::string_view noun);

/// The time that stands for "no limit".
inline constexpr std::chrono::nanoseconds infinity = std::chrono::nanoseconds::max();

/// A time from "30s", "2min", "1h30min", "10ms", "infinity"; units ns, us, ms,
/// s, min, h, d. A bare number is in @p bare_unit.
/// @throws std::invalid_argument with the invalid text and the valid forms
std::chrono::nanoseconds
parse_duration(std::string_view text, std::chrono::nanoseconds bare_unit = std::chrono::seconds(1));

/// "1.5s", "20ms", "2min 3s", "infinity": at most three digits.
std::string format_duration(std::chrono::nanoseconds time);

} // namespace userblk
