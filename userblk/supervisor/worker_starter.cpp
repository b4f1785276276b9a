// SPDX-License-Identifier: MIT
#include "userblk/supervisor/worker_starter.hpp"

#include <cerrno> // program_invocation_short_name
#include <utility>

namespace userblk {

namespace {

constexpr unsigned most_failures = 5; ///< in a row

Scheduling scheduling_of(const PoolOptions& options) noexcept {
    if (options.scheduling != Scheduling::automatic)
        return options.scheduling;
    return options.workers > 1 || options.worker.threads > 1 ? Scheduling::batch
                                                             : Scheduling::unchanged;
}

} // namespace

WorkerStarter::WorkerStarter(std::uint32_t number, StoreFactory factory, const PoolOptions& options)
    : setup_{number,
             0,
             std::move(factory),
             options.worker,
             options.lock_memory,
             scheduling_of(options),
             options.run_as,
             options.record.identity},
      backoff_(options.backoff) {
    setup_.options.log = options.log;
    setup_.options.adapt_scheduling = options.scheduling == Scheduling::automatic;
    if (setup_.options.store.empty())
        setup_.options.store = options.record.store;
    setup_.program = options.program.empty() ? program_invocation_short_name : options.program;
}

std::unique_ptr<WorkerProcess> WorkerStarter::start(unsigned generation,
                                                    const std::function<void()>& close_inherited) {
    backoff_.started(Clock::now());
    return WorkerProcess::start(setup_, generation, close_inherited);
}

void WorkerStarter::failed() noexcept {
    next_start_ = backoff_.died(Clock::now());
}

bool WorkerStarter::is_hopeless() const noexcept {
    return backoff_.deaths() >= most_failures;
}

} // namespace userblk
