// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>
#include <sys/resource.h>

namespace userblk {

/// Internal: while any object exists, a thread of the process that has run with SCHED_FIFO for
/// RunLimit::microseconds without sleeping returns to the policy that the first object found.
/// The kernel measures that (RLIMIT_RTTIME in getrlimit(2)) and interrupts the thread by SIGXCPU;
/// restartable calls are restarted. The last object restores handler and limit of the process.
/// The calling thread, and those that it starts, receive the signal for the life of its object.
class RunLimit {
public:
    /// Some timer ticks: a shorter time cannot be measured.
    static constexpr rlim_t microseconds = 10'000;

    RunLimit() noexcept;
    RunLimit(const RunLimit&) = delete;
    RunLimit& operator=(const RunLimit&) = delete;
    ~RunLimit();

private:
    sigset_t mask_before_{};
};

} // namespace userblk
