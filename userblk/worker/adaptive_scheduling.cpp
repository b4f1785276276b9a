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
    original_ = ::sched_getscheduler(0);
    const int policy = original_ & ~SCHED_RESET_ON_FORK;
    if ((policy != SCHED_OTHER && policy != SCHED_BATCH) || ::getpriority(PRIO_PROCESS, 0) > 0)
        return;
    usual_ = policy | SCHED_RESET_ON_FORK;
    enter(Phase::sampling);
}

AdaptiveScheduling::~AdaptiveScheduling() {
    if (is_fifo_)
        set_policy(usual_);
    if (phase_ != Phase::off)
        set_policy(original_); // unless that is not permitted
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
    const bool fifo = phase == Phase::trying || phase == Phase::fifo;
    const bool done = fifo == is_fifo_ || set_policy(fifo ? fifo_policy : usual_);
    phase_ = done ? phase : Phase::off;
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
    const bool fifo = policy == fifo_policy;
    const sched_param parameters{.sched_priority = fifo ? 1 : 0};
    if (::sched_setscheduler(0, policy, &parameters) < 0)
        return false;
    is_fifo_ = fifo;
    return true;
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
