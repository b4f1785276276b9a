// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace userblk {

/// When to restart a process that has died: at once the first time, then after a
/// delay that doubles with each death in a row. A process that lived for a while
/// resets the delay.
struct BackoffPolicy {
    std::chrono::milliseconds first{50};     ///< delay before the second restart
    std::chrono::milliseconds longest{5000}; ///< no delay is longer
    std::chrono::milliseconds healthy{500};  ///< a life this long resets the delay
};

/// The state of one place in a pool. Reads no clock, takes no lock.
class Backoff {
public:
    using Clock = std::chrono::steady_clock;

    explicit Backoff(BackoffPolicy policy = {}) noexcept : policy_(policy) {}

    /// A process was started at @p now.
    void started(Clock::time_point now) noexcept { started_ = now; }
    /// The process died at @p now. Returns when to start the next, @p now or later.
    Clock::time_point died(Clock::time_point now) noexcept;
    /// Deaths in a row without a healthy life between.
    unsigned deaths() const noexcept { return deaths_; }

private:
    BackoffPolicy policy_;
    Clock::time_point started_{};
    unsigned deaths_ = 0;
};

} // namespace userblk
