// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <ctime>
#include <signal.h>

namespace userblk {

/// Internal: gets one thread out of a wait inside the kernel, however shortly before or
/// after it goes there, by a signal that is sent to it again and again. A timer sends it,
/// so that it can be asked for in a signal handler, and no other thread is needed.
class WaitBreaker {
public:
    /// Ignored unless somebody handles it, which BreakSignal does.
    static constexpr int signal = SIGURG;

    WaitBreaker() = default;
    WaitBreaker(const WaitBreaker&) = delete;
    WaitBreaker& operator=(const WaitBreaker&) = delete;
    ~WaitBreaker();

    /// Makes the calling thread the one. Once. Whoever asked before that was not heard.
    /// @throws std::system_error if there is no timer to be had
    void attach();
    /// Begins to break its waits; from any thread, and from signal handlers.
    void start() noexcept { set_interval(5'000'000); }
    void end() noexcept { set_interval(0); }

private:
    void set_interval(long nanoseconds) noexcept;

    timer_t timer_{};
    std::atomic<bool> attached_ = false;
};

/// Internal: while it lives the signal ends system calls, and does nothing else. Of the
/// process; what was there before is put back.
class BreakSignal {
public:
    BreakSignal() noexcept;
    BreakSignal(const BreakSignal&) = delete;
    BreakSignal& operator=(const BreakSignal&) = delete;
    ~BreakSignal() { ::sigaction(WaitBreaker::signal, &before_, nullptr); }

private:
    struct sigaction before_ {};
};

/// Internal: while it lives the calling thread takes the signal.
class BreakSignalUnblocked {
public:
    BreakSignalUnblocked() noexcept;
    BreakSignalUnblocked(const BreakSignalUnblocked&) = delete;
    BreakSignalUnblocked& operator=(const BreakSignalUnblocked&) = delete;
    ~BreakSignalUnblocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

} // namespace userblk
