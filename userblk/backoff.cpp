// SPDX-License-Identifier: MIT
#include "userblk/backoff.hpp"

#include <algorithm>

namespace userblk {

Backoff::Clock::time_point Backoff::died(Clock::time_point now) noexcept {
    if (now - started_ >= policy_.healthy)
        deaths_ = 0;
    ++deaths_;
    if (deaths_ == 1)
        return now;
    // Beyond 2^20 every policy is at its longest delay.
    const auto doublings = std::min(deaths_ - 2, 20U);
    return now + std::min(policy_.first * (1 << doublings), policy_.longest);
}

} // namespace userblk
