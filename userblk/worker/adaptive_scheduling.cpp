// SPDX-License-Identifier: MIT
#include "userblk/worker/adaptive_scheduling.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <time.h>

namespace userblk {

namespace {

/// Calls in a sample. A sample must be small beside the time between samples, in which the
/// better policy is used, and that time short enough to follow the load.
constexpr unsigned sample = 16;
/// Calls between reviews, and reviews between samples.
constexpr unsigned period = 256;
constexpr unsigned periods = 8;

/// What a backend starts does not inherit it. Only a privileged thread can drop the flag again.
constexpr int fifo_policy = SCHED_FIFO | SCHED_RESET_ON_FORK;

std::chrono::nanoseconds busy_time() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

} // namespace

AdaptiveScheduling::AdaptiveScheduling(bool wanted) noexcept {
    if (!wanted)
        return;
    const int policy = ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
    if ((policy != SCHED_OTHER && policy != SCHED_BATCH) || ::getpriority(PRIO_PROCESS, 0) > 0)
        return;
    usual_ = policy | SCHED_RESET_ON_FORK;
    enter(Phase::sampling);
}

AdaptiveScheduling::~AdaptiveScheduling() {
    if (phase_ == Phase::off)
        return;
    enter(Phase::off);
    set_policy(usual_ & ~SCHED_RESET_ON_FORK); // if permitted
}

void AdaptiveScheduling::review() noexcept {
    switch (phase_) {
    case Phase::off:
        break;
    case Phase::sampling:
        sampled_ = requests_;
        enter(Phase::trying);
        break;
    case Phase::trying:
        enter(suits_fifo() ? Phase::fifo : Phase::usual);
        break;
    case Phase::fifo:
        if (!suits_fifo())
            enter(Phase::usual);
        else if (++reviews_ == periods)
            enter(Phase::sampling);
        else
            watch(period);
        break;
    case Phase::usual:
        enter(Phase::sampling);
        break;
    }
}

void AdaptiveScheduling::enter(Phase phase) noexcept {
    const bool wants_fifo = phase == Phase::trying || phase == Phase::fifo;
    phase_ = set_policy(wants_fifo ? fifo_policy : usual_) ? phase : Phase::off;
    reviews_ = 0;
    switch (phase_) {
    case Phase::off:
        watch(0);
        break;
    case Phase::sampling:
    case Phase::trying:
        watch(sample);
        break;
    case Phase::fifo:
        watch(period);
        break;
    case Phase::usual:
        watch(period * periods);
        break;
    }
}

void AdaptiveScheduling::watch(unsigned calls) noexcept {
    calls_left_ = calls_ = calls;
    requests_ = 0;
    wall_ = Clock::now();
    busy_ = busy_time();
}

bool AdaptiveScheduling::set_policy(int policy) noexcept {
    const sched_param parameters{.sched_priority = policy == fifo_policy ? 1 : 0};
    return ::sched_setscheduler(0, policy, &parameters) == 0;
}

bool AdaptiveScheduling::suits_fifo() const noexcept {
    // Otherwise RunLimit has returned the thread to its usual policy.
    return ::sched_getscheduler(0) == fifo_policy && takes_as_many() && leaves_time_to_others();
}

// Three quarters of what a sample promises.
bool AdaptiveScheduling::takes_as_many() const noexcept {
    return 4ULL * requests_ * sample >= 3ULL * sampled_ * calls_;
}

bool AdaptiveScheduling::leaves_time_to_others() const noexcept {
    return 4 * (busy_time() - busy_) <= 3 * (Clock::now() - wall_);
}

} // namespace userblk
