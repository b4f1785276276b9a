// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backend.hpp"
#include "userblk/worker.hpp"
#include "userblk/worker/thread_counters.hpp"
#include "userblk/worker/worker_state.hpp"

#include <cstdint>
#include <system_error>

namespace userblk {

/// Internal: one thread of a worker. There is a class for each kind of backend, so that neither
/// pays for the other.
class ServingThread {
public:
    /// @p index among the threads of this worker.
    ServingThread(WorkerState& state, unsigned index) noexcept : state_(state), index_(index) {}
    ServingThread(const ServingThread&) = delete;
    ServingThread& operator=(const ServingThread&) = delete;
    virtual ~ServingThread() = default;

    /// Serves until the worker stops or the device is removed. Runs in the serving thread.
    virtual void run() = 0;
    virtual const Store& store() const noexcept = 0;
    /// See Worker::preload().
    virtual std::error_code preload() noexcept = 0;

    void add_counts(Worker::Counts& sum) const noexcept { counters_.add_to(sum); }

protected:
    /// With WorkerOptions::pin: runs on the processors of a hardware queue from now on.
    /// @returns the queue to look at first
    std::uint32_t pin() noexcept;
    /// Whether the calling thread may wait inside SERVE: whether stop() will end that.
    bool can_wait_in_serve();

    WorkerState& state_;
    unsigned index_;
    ThreadCounters counters_;
};

} // namespace userblk
