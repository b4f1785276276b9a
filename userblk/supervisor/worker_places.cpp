// SPDX-License-Identifier: MIT
#include "userblk/supervisor/worker_places.hpp"

#include <algorithm>
#include <string>
#include <sys/wait.h>
#include <utility>

namespace userblk {

namespace {

bool is_own_child(pid_t pid) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

} // namespace

WorkerPlaces::WorkerPlaces(unsigned places, const BackoffPolicy& backoff,
                           const StatusReport& report)
    : report_(report), places_(places) {
    for (auto& place : places_)
        place.backoff = Backoff(backoff);
}

// ------------------------------------------------------------ worker processes

void WorkerPlaces::adopt(pid_t pid, State state) {
    if (is_own_child(pid))
        add(std::make_unique<WorkerProcess>(pid, abi::FileDescriptor(), state, generation_));
}

void WorkerPlaces::stop_waiting() noexcept {
    stop([](const WorkerProcess& worker) { return worker.is_waiting(); });
}

void WorkerPlaces::kill_all() noexcept {
    for (const auto& worker : workers_)
        worker->kill();
}

std::optional<WorkerPlaces::EndedWorker> WorkerPlaces::reap() {
    for (auto worker = workers_.begin(); worker != workers_.end(); ++worker) {
        const auto status = (*worker)->reap();
        if (!status)
            continue;
        EndedWorker ended{std::move(*worker), *status};
        workers_.erase(worker);
        return ended;
    }
    return std::nullopt;
}

void WorkerPlaces::clear() noexcept {
    workers_.clear();
    places_.clear();
}

// ----------------------------------------------------------------- generations

bool WorkerPlaces::any_old() const noexcept {
    return any([this](const WorkerProcess& worker) { return !is_current(worker); });
}

std::size_t WorkerPlaces::current_count() const noexcept {
    return static_cast<std::size_t>(
        std::count_if(workers_.begin(), workers_.end(), [this](const auto& worker) {
            return is_current(*worker) && worker->state != State::draining;
        }));
}

std::size_t WorkerPlaces::ready_count() const noexcept {
    return static_cast<std::size_t>(
        std::count_if(workers_.begin(), workers_.end(), [this](const auto& worker) {
            return is_current(*worker) && worker->state == State::ready;
        }));
}

void WorkerPlaces::keep_old() noexcept {
    for (const auto& worker : workers_)
        if (worker->is_waiting())
            worker->stop();
        else
            worker->generation = generation_;
}

// ---------------------------------------------------------------------- places

bool WorkerPlaces::all_taken() const noexcept {
    return std::all_of(places_.begin(), places_.end(),
                       [](const Place& place) { return place.worker != nullptr; });
}

WorkerProcess* WorkerPlaces::ready_worker() const noexcept {
    for (const auto& worker : workers_)
        if (worker->state == State::ready && is_current(*worker))
            return worker.get();
    return nullptr;
}

bool WorkerPlaces::has_old_worker(const Place& place) const noexcept {
    return place.worker != nullptr && !is_current(*place.worker);
}

void WorkerPlaces::give(Place& place, WorkerProcess& worker) {
    worker.go(static_cast<unsigned>(&place - places_.data()));
    place.worker = &worker;
    place.backoff.started(Clock::now());
    report_.log(LogLevel::debug, "worker " + std::to_string(worker.pid()) + " serves");
}

void WorkerPlaces::fill() {
    const auto now = Clock::now();
    for (auto& place : places_) {
        if (place.worker != nullptr || now < place.not_before)
            continue;
        auto* const worker = ready_worker();
        if (worker == nullptr)
            return;
        give(place, *worker);
    }
}

bool WorkerPlaces::fill_with_adopted() noexcept {
    auto place = places_.begin();
    for (const auto& worker : workers_)
        if (worker->state == State::serving && place != places_.end())
            (place++)->worker = worker.get();
    return place != places_.begin();
}

// All new workers take over at once, to keep the time short in which old and new ones serve
// together.
bool WorkerPlaces::replace_old() {
    const auto old = std::count_if(places_.begin(), places_.end(),
                                   [this](const Place& place) { return has_old_worker(place); });
    const bool any_new = any([this](const WorkerProcess& worker) {
        return is_current(worker) &&
               (worker.state == State::ready || worker.state == State::serving);
    });
    if (!any_new || ready_count() < static_cast<std::size_t>(old))
        return false;
    for (auto& place : places_)
        if (has_old_worker(place))
            give(place, *ready_worker());
    stop([this](const WorkerProcess& worker) {
        return !is_current(worker) && worker.state == State::serving;
    });
    return true;
}

void WorkerPlaces::leave(const WorkerProcess& worker) noexcept {
    for (auto& place : places_) {
        if (place.worker != &worker)
            continue;
        place.worker = nullptr;
        place.not_before = place.backoff.died(Clock::now());
    }
}

void WorkerPlaces::empty_all() noexcept {
    for (auto& place : places_)
        place.worker = nullptr;
}

void WorkerPlaces::end_delays() noexcept {
    for (auto& place : places_)
        place.not_before = {};
}

WorkerPlaces::Clock::time_point WorkerPlaces::next_fill(Clock::time_point now) const noexcept {
    auto next = Clock::time_point::max();
    for (const auto& place : places_)
        if (place.worker == nullptr && place.not_before > now)
            next = std::min(next, place.not_before);
    return next;
}

} // namespace userblk
