// SPDX-License-Identifier: MIT
#include "userblk/wait_breaker.hpp"

#include "ioctl/error.hpp"

#include <sys/syscall.h>
#include <unistd.h>

namespace userblk {

WaitBreaker::~WaitBreaker() {
    if (attached_)
        ::timer_delete(timer_);
}

void WaitBreaker::attach() {
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = signal;
    event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid)); // glibc has no name for it
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0)
        abi::throw_errno("make a timer");
    attached_ = true;
}

// timer_settime() may be used in signal handlers: see signal-safety(7).
void WaitBreaker::set_interval(long nanoseconds) noexcept {
    if (!attached_)
        return;
    itimerspec when{};
    when.it_interval.tv_nsec = nanoseconds;
    when.it_value.tv_nsec = nanoseconds > 0 ? 1 : 0; // the first one at once
    ::timer_settime(timer_, 0, &when, nullptr);
}

BreakSignal::BreakSignal() noexcept {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(WaitBreaker::signal, &action, &before_); // no SA_RESTART: that is the point
}

BreakSignalUnblocked::BreakSignalUnblocked() noexcept {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, WaitBreaker::signal);
    ::pthread_sigmask(SIG_UNBLOCK, &set, &before_);
}

} // namespace userblk
