// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backoff.hpp"
#include "userblk/supervisor/worker_main.hpp"
#include "userblk/supervisor/worker_process.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace userblk {

/// Internal: starts a pool's worker processes. When they fail before they are ready, the next one
/// is started after a delay that grows with each failure in a row.
class WorkerStarter {
public:
    using Clock = Backoff::Clock;

    WorkerStarter(std::uint32_t number, StoreFactory factory, const PoolOptions& options);

    WorkerSetup& setup() noexcept { return setup_; }

    /// See WorkerProcess::start().
    std::unique_ptr<WorkerProcess> start(unsigned generation,
                                         const std::function<void()>& close_inherited);
    /// A worker could not be started, or ended before it served.
    void failed() noexcept;
    /// Whether so many have failed in a row that further attempts are pointless.
    bool is_hopeless() const noexcept;
    /// Ends the delay.
    void end_delay() noexcept { next_start_ = {}; }
    Clock::time_point next_start() const noexcept { return next_start_; }

private:
    WorkerSetup setup_;
    Backoff backoff_;
    Clock::time_point next_start_{};
};

} // namespace userblk
