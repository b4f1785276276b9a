// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <csignal>
#include <ctime>
#include <system_error>

namespace userblk {

/// Internal: interrupts one thread's wait in SERVE, even one that is just about to begin, by
/// sending it a signal repeatedly. A timer sends the signal, so that start() works in signal
/// handlers and needs no other thread. Requires an InterruptSignal meanwhile.
class WaitInterrupter {
public:
    WaitInterrupter() = default;
    WaitInterrupter(const WaitInterrupter&) = delete;
    WaitInterrupter& operator=(const WaitInterrupter&) = delete;
    ~WaitInterrupter();

    /// Selects the calling thread. Call it once; an earlier start() has no effect.
    std::error_code attach() noexcept;
    /// Starts interrupting its waits; callable from any thread and from signal handlers.
    void start() noexcept;
    /// Stops: the thread no longer waits, and start() has no effect from now on.
    void end() noexcept;

private:
    void set_interval(long nanoseconds) noexcept;

    timer_t timer_{};
    bool made_ = false; ///< timer_ exists
    std::atomic<bool> attached_ = false;
};

/// Internal: while any object exists, the signal of WaitInterrupter ends waits in SERVE and
/// does nothing else: restartable calls are restarted. The last object restores the handler
/// of the process. The calling thread, and those that it starts, receive the signal for the
/// life of its own object.
class InterruptSignal {
public:
    static constexpr int number = SIGURG; ///< ignored by default

    InterruptSignal();
    InterruptSignal(const InterruptSignal&) = delete;
    InterruptSignal& operator=(const InterruptSignal&) = delete;
    ~InterruptSignal();

private:
    sigset_t mask_before_{};
};

} // namespace userblk
