// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace userblk {

/// Internal: the time @p distance after @p from. If that exceeds the clock's range, as with
/// infinity, returns the clock's maximum, which never comes; a plain sum would overflow
/// into the past.
template <class Rep, class Period>
constexpr std::chrono::steady_clock::time_point
after(std::chrono::steady_clock::time_point from,
      std::chrono::duration<Rep, Period> distance) noexcept {
    using Clock = std::chrono::steady_clock;
    // A coarser unit has a larger range than the clock.
    using Distance = std::chrono::duration<Rep, Period>;
    if (distance >= std::chrono::duration_cast<Distance>(Clock::duration::max()))
        return Clock::time_point::max();
    const auto length = std::chrono::duration_cast<Clock::duration>(distance);
    return length >= Clock::time_point::max() - from ? Clock::time_point::max() : from + length;
}

} // namespace userblk
