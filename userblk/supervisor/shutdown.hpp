// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/pool.hpp"
#include "userblk/supervisor/status_report.hpp"
#include "userblk/supervisor/worker_places.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

namespace userblk {

/// Internal: how a pool ends. While the workers serve, it waits for PoolOptions::may_stop; then it
/// drains them, and kills those that have not exited when the drain limit expires.
class Shutdown {
public:
    using Clock = std::chrono::steady_clock;

    Shutdown(std::uint32_t number, const PoolOptions& options, WorkerPlaces& places,
             const StatusReport& report);

    /// Requests a stop. @returns whether to begin() now; otherwise as soon as may_begin().
    /// A second request is not delayed.
    bool request() noexcept;
    bool is_requested() const noexcept { return requested_; }
    /// Whether what was requested may begin now.
    bool may_begin() const;

    /// Drains all workers. Does nothing if it has begun before.
    void begin(PoolEnd end);
    bool has_begun() const noexcept { return end_.has_value(); }
    /// Kills all workers. @p why follows "killing N workers" in the log.
    void force(const char* why);
    bool is_forced() const noexcept { return forced_; }
    /// Kills the workers if the drain limit has expired.
    void enforce_limit();
    /// Whether no worker is left, or only ones that cannot be killed.
    bool is_finished() const noexcept;
    /// Once it is finished.
    PoolEnd result() const noexcept;

    /// When to check again; max(): only after an event.
    Clock::time_point next_deadline() const noexcept;

private:
    std::uint32_t number_;
    std::function<bool()> may_stop_;
    std::chrono::milliseconds drain_limit_;
    WorkerPlaces& places_;
    const StatusReport& report_;
    bool requested_ = false; ///< and may_stop_ has not agreed so far
    std::optional<PoolEnd> end_;
    Clock::time_point deadline_{};
    bool forced_ = false;
};

} // namespace userblk
