// SPDX-License-Identifier: MIT
#include "userblk/backoff.hpp"

#include "userblk/os/deadline.hpp"

#include <algorithm>

namespace userblk {

Backoff::Clock::time_point Backoff::died(Clock::time_point now) noexcept {
    if (now >= after(started_, policy_.healthy))
        deaths_ = 0;
    ++deaths_;
    if (deaths_ == 1)
        return now;
    // Beyond 2^20 every policy has reached its longest delay.
    const auto doublings = std::min(deaths_ - 2, 20U);
    const int factor = 1 << doublings;
    const bool longest = policy_.first >= policy_.longest / factor;
    return after(now, longest ? policy_.longest : policy_.first * factor);
}

} // namespace userblk
