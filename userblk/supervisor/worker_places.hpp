// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/backoff.hpp"
#include "userblk/supervisor/status_report.hpp"
#include "userblk/supervisor/worker_process.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace userblk {

/// Internal: the worker processes of a pool, and its places: as many as workers are to serve.
///
/// A worker opens its store first and then waits for a place, to keep places empty for as short a
/// time as possible. When its worker exits or leaves, a place is filled again after a delay that
/// grows with each death in a row (see Backoff). Workers belong to generations; a reload begins a
/// new one, which then takes over the places.
class WorkerPlaces {
public:
    using Clock = Backoff::Clock;
    using State = WorkerProcess::State;
    using Workers = std::vector<std::unique_ptr<WorkerProcess>>;

    struct EndedWorker {
        std::unique_ptr<WorkerProcess> worker;
        int status; ///< see WorkerProcess::reap()
    };

    WorkerPlaces(unsigned places, const BackoffPolicy& backoff, const StatusReport& report);

    /// @name Worker processes
    /// @{
    const Workers& workers() const noexcept { return workers_; }
    template <typename Filter>
    bool any(Filter filter) const {
        return std::any_of(workers_.begin(), workers_.end(),
                           [&filter](const auto& worker) { return filter(*worker); });
    }
    /// Makes sure that the next add() does not fail.
    void make_room() { workers_.reserve(workers_.size() + 1); }
    void add(std::unique_ptr<WorkerProcess> worker) { workers_.push_back(std::move(worker)); }
    /// Adds a worker of the program that this process has replaced, if it is still a child.
    void adopt(pid_t pid, State state);
    template <typename Filter>
    void stop(Filter filter) noexcept {
        for (const auto& worker : workers_)
            if (filter(*worker))
                worker->stop();
    }
    /// Stops the workers that do not serve yet.
    void stop_waiting() noexcept;
    void kill_all() noexcept;
    /// Removes one that has exited; nothing: all run. It keeps its place until leave().
    std::optional<EndedWorker> reap();
    /// For a forked child: forgets all of them, and closes what is open to them.
    void clear() noexcept;
    /// @}

    /// @name Generations
    /// @{
    unsigned generation() const noexcept { return generation_; }
    void begin_generation() noexcept { ++generation_; }
    bool is_current(const WorkerProcess& worker) const noexcept {
        return worker.generation == generation_;
    }
    bool any_old() const noexcept;
    /// Workers of the current generation that have not been asked to stop.
    std::size_t current_count() const noexcept;
    /// Those of them that wait for a place.
    std::size_t ready_count() const noexcept;
    /// The new generation has failed: stops its workers that wait, and counts the others as
    /// current.
    void keep_old() noexcept;
    /// @}

    /// @name Places
    /// @{
    std::size_t count() const noexcept { return places_.size(); }
    bool all_taken() const noexcept;
    /// Gives empty places to ready workers of the current generation, as far as there are any.
    void fill();
    /// Gives a place to each adopted worker that serves, as far as there are places.
    /// @returns whether any took one
    bool fill_with_adopted() noexcept;
    /// Gives the places of old workers to new ones that are ready, and stops all old workers.
    /// Does nothing, and returns false, before there are enough.
    bool replace_old();
    /// Empties the place of @p worker, if it has one.
    void leave(const WorkerProcess& worker) noexcept;
    void empty_all() noexcept;
    /// Empty places may be filled at once.
    void end_delays() noexcept;
    /// When the next empty place may be filled, after @p now; max(): there is none.
    Clock::time_point next_fill(Clock::time_point now) const noexcept;
    /// @}

private:
    struct Place {
        WorkerProcess* worker = nullptr;
        Backoff backoff;
        Clock::time_point not_before{}; ///< for its next worker
    };

    WorkerProcess* ready_worker() const noexcept;
    bool has_old_worker(const Place& place) const noexcept;
    void give(Place& place, WorkerProcess& worker);

    const StatusReport& report_;
    Workers workers_;
    std::vector<Place> places_;
    unsigned generation_ = 0;
};

} // namespace userblk
