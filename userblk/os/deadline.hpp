// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace userblk {

/// Internal: the time that lies @p distance behind @p from. Where the clock does not reach
/// so far, as with infinity, it is the clock's last moment, which never comes; a sum would
/// be in the past.
template <class Rep, class Period>
constexpr std::chrono::steady_clock::time_point
after(std::chrono::steady_clock::time_point from,
      std::chrono::duration<Rep, Period> distance) noexcept {
    using Clock = std::chrono::steady_clock;
    // A coarser unit counts further than the clock does.
    using Distance = std::chrono::duration<Rep, Period>;
    if (distance >= std::chrono::duration_cast<Distance>(Clock::duration::max()))
        return Clock::time_point::max();
    const auto length = std::chrono::duration_cast<Clock::duration>(distance);
    return length >= Clock::time_point::max() - from ? Clock::time_point::max() : from + length;
}

} // namespace userblk
