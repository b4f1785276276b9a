// SPDX-License-Identifier: MIT
#include "userblk/worker/wait_interrupter.hpp"

#include "ioctl/error.hpp"

#include <mutex>
#include <sys/syscall.h>
#include <unistd.h>

namespace userblk {

namespace {

constexpr long interval_ns = 5'000'000;

/// State shared by all workers of a process.
struct Handling {
    std::mutex mutex;
    unsigned users = 0;
    struct sigaction before {};
};

Handling& handling() {
    static Handling one;
    return one;
}

} // namespace

WaitInterrupter::~WaitInterrupter() {
    if (made_)
        ::timer_delete(timer_);
}

std::error_code WaitInterrupter::attach() noexcept {
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = InterruptSignal::number;
    event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid)); // glibc has no name for it
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0)
        return abi::errno_code(errno);
    made_ = true;
    attached_ = true;
    return {};
}

void WaitInterrupter::start() noexcept {
    if (!attached_)
        return;
    set_interval(interval_ns);
    if (!attached_) // ended meanwhile
        set_interval(0);
}

void WaitInterrupter::end() noexcept {
    if (attached_.exchange(false))
        set_interval(0);
}

// timer_settime() is async-signal-safe: see signal-safety(7).
void WaitInterrupter::set_interval(long nanoseconds) noexcept {
    itimerspec when{};
    when.it_interval.tv_nsec = nanoseconds;
    when.it_value.tv_nsec = nanoseconds > 0 ? 1 : 0; // the first one at once
    ::timer_settime(timer_, 0, &when, nullptr);
}

InterruptSignal::InterruptSignal() {
    {
        auto& common = handling();
        const std::lock_guard guard(common.mutex);
        if (common.users++ == 0) {
            struct sigaction action {};
            action.sa_handler = [](int) {};
            action.sa_flags = SA_RESTART; // SERVE returns anyway
            ::sigaction(number, &action, &common.before);
        }
    }
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, number);
    ::pthread_sigmask(SIG_UNBLOCK, &set, &mask_before_);
}

InterruptSignal::~InterruptSignal() {
    ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
    auto& common = handling();
    const std::lock_guard guard(common.mutex);
    if (--common.users == 0)
        ::sigaction(number, &common.before, nullptr);
}

} // namespace userblk
