// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace userblk {

/// Internal: rate-limits similar messages of a process: a burst at first, then few, so that
/// a store that fails every request does not fill the log. Counts the suppressed ones.
/// Thread-safe; reads no clock.
class ErrorLog {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr unsigned burst = 10; ///< messages per period
    static constexpr std::chrono::seconds period{10};

    /// Whether to write another message at @p now; if so, how many were suppressed since the
    /// last one.
    std::optional<std::uint64_t> admit(Clock::time_point now) noexcept;
    /// Returns how many were suppressed since the last message, and resets the count.
    std::uint64_t take_left_out() noexcept;

private:
    std::mutex mutex_;
    Clock::time_point begin_{}; ///< start of the period
    unsigned written_ = 0;      ///< messages in it
    std::uint64_t left_out_ = 0;
};

} // namespace userblk
