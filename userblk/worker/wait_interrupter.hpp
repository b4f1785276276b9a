// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <csignal>
#include <ctime>
#include <system_error>

namespace userblk {

/// Internal: gets one thread out of a wait in SERVE, however shortly before or after it
/// goes there, by a signal that is sent to it again and again. A timer sends it, so that it
/// can be asked for in a signal handler, and no other thread is needed. A InterruptSignal has
/// to be there while it does.
class WaitInterrupter {
public:
    WaitInterrupter() = default;
    WaitInterrupter(const WaitInterrupter&) = delete;
    WaitInterrupter& operator=(const WaitInterrupter&) = delete;
    ~WaitInterrupter();

    /// Makes the calling thread the one. Once. Whoever asked before that was not heard.
    std::error_code attach() noexcept;
    /// Begins to break its waits; from any thread, and from signal handlers.
    void start() noexcept;
    /// The thread waits no more; start() does nothing from now on.
    void end() noexcept;

private:
    void set_interval(long nanoseconds) noexcept;

    timer_t timer_{};
    bool made_ = false; ///< the timer is
    std::atomic<bool> attached_ = false;
};

/// Internal: while any of it lives the signal of WaitInterrupter ends waits in SERVE, and does
/// nothing else: whatever can be restarted after a signal is. What was there before, for
/// the process, is put back with the last one; the calling thread, and those that it starts,
/// take the signal as long as its own one lives.
class InterruptSignal {
public:
    static constexpr int number = SIGURG; ///< ignored unless somebody handles it

    InterruptSignal();
    InterruptSignal(const InterruptSignal&) = delete;
    InterruptSignal& operator=(const InterruptSignal&) = delete;
    ~InterruptSignal();

private:
    sigset_t mask_before_{};
};

} // namespace userblk
