// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace userblk {

/// Internal: which of a process's many alike messages are written: some at once, then few,
/// so that a store that fails every request does not fill the log. What is left out is
/// counted. For any number of threads; no clock of its own.
class ErrorLog {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr unsigned burst = 10; ///< that many in
    static constexpr std::chrono::seconds period{10};

    /// Whether one more is to be written at @p now; then how many were left out since the
    /// last one that was.
    std::optional<std::uint64_t> admit(Clock::time_point now) noexcept;
    /// How many were left out since the last one that was written; forgets them.
    std::uint64_t take_left_out() noexcept;

private:
    std::mutex mutex_;
    Clock::time_point begin_{}; ///< of the period
    unsigned written_ = 0;      ///< in it
    std::uint64_t left_out_ = 0;
};

} // namespace userblk
