// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace userblk {

/// Internal: adapts the scheduling policy of one serving thread to its load.
///
/// With SCHED_FIFO a thread gets the processor as soon as there is a request, which costs the
/// scheduler much less than a fair share does. But a thread that displaces the submitter may get
/// one by one what it would otherwise have got at once. So the thread counts how many requests it
/// takes at a time with its usual policy, the one it began with, and keeps SCHED_FIFO only if it
/// takes about as many with that. It checks again now and then.
///
/// Others must not starve: a thread that runs for long without sleeping is returned to its usual
/// policy by RunLimit, and one that needs most of a processor returns by itself.
class AdaptiveScheduling {
public:
    /// Adapts the calling thread, for which a RunLimit exists meanwhile. Does nothing unless
    /// @p wanted, without permission for SCHED_FIFO, and if the thread has an explicit policy or
    /// a positive nice value.
    explicit AdaptiveScheduling(bool wanted) noexcept;
    AdaptiveScheduling(const AdaptiveScheduling&) = delete;
    AdaptiveScheduling& operator=(const AdaptiveScheduling&) = delete;
    /// In the same thread, which has its usual policy afterwards.
    ~AdaptiveScheduling();

    /// The thread has taken this many requests, at least 1, in one call.
    void took(unsigned requests) noexcept {
        requests_ += requests;
        if (--calls_left_ == 0) [[unlikely]]
            review();
    }

private:
    using Clock = std::chrono::steady_clock;
    enum class Phase {
        off,
        sampling, ///< usual policy: how many requests at a time?
        trying,   ///< SCHED_FIFO: as many?
        fifo,     ///< yes
        usual     ///< no
    };

    void review() noexcept;
    void enter(Phase phase) noexcept;
    void watch(unsigned calls) noexcept;
    bool set_policy(int policy) noexcept;
    bool suits_fifo() const noexcept;
    bool takes_as_many() const noexcept;
    bool leaves_time_to_others() const noexcept;

    Phase phase_ = Phase::off;
    unsigned calls_left_ = 0;         ///< until the next review; from 0 it wraps around
    unsigned calls_ = 0;              ///< from review to review
    unsigned requests_ = 0;           ///< since the last review
    unsigned sampled_ = 0;            ///< requests taken while sampling
    unsigned reviews_ = 0;            ///< passed in this phase
    Clock::time_point wall_{};        ///< at the last review
    std::chrono::nanoseconds busy_{}; ///< processor time of the thread, then
    int original_ = 0;
    int usual_ = 0;        ///< the same, but what a backend starts does not inherit SCHED_FIFO
    bool is_fifo_ = false; ///< set here; RunLimit may have returned it
};

} // namespace userblk
