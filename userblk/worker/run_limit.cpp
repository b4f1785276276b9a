// SPDX-License-Identifier: MIT
#include "userblk/worker/run_limit.hpp"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <sched.h>

namespace userblk {

namespace {

/// Shared by all objects of the process. The signal handler reads policy and limit.
struct Common {
    std::mutex mutex; ///< guards users, and with it the handler's existence
    unsigned users = 0;
    int policy = SCHED_OTHER;
    rlimit limit{};
    rlimit limit_before{};
    struct sigaction handler_before {};
};
Common common;

// sched_setscheduler() and setrlimit() only call the kernel, so they work here.
void on_limit(int) {
    const int saved = errno;
    if ((::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK) == SCHED_FIFO) {
        const sched_param none{};
        ::sched_setscheduler(0, common.policy | SCHED_RESET_ON_FORK, &none);
    }
    // The kernel has raised it by a second, for all threads.
    ::setrlimit(RLIMIT_RTTIME, &common.limit);
    errno = saved;
}

void install() noexcept {
    common.policy = ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
    ::getrlimit(RLIMIT_RTTIME, &common.limit_before);
    common.limit = common.limit_before;
    common.limit.rlim_cur = std::min(common.limit.rlim_cur, RunLimit::microseconds);
    struct sigaction action {};
    action.sa_handler = on_limit;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGXCPU, &action, &common.handler_before);
    ::setrlimit(RLIMIT_RTTIME, &common.limit);
}

void restore() noexcept {
    ::setrlimit(RLIMIT_RTTIME, &common.limit_before);
    ::sigaction(SIGXCPU, &common.handler_before, nullptr);
}

} // namespace

RunLimit::RunLimit() noexcept {
    {
        const std::lock_guard guard(common.mutex);
        if (common.users++ == 0)
            install();
    }
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGXCPU);
    ::pthread_sigmask(SIG_UNBLOCK, &set, &mask_before_);
}

RunLimit::~RunLimit() {
    ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
    const std::lock_guard guard(common.mutex);
    if (--common.users == 0)
        restore();
}

} // namespace userblk
