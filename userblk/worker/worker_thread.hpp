// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/worker/batch_size.hpp"
#include "userblk/worker/kernel_exchange.hpp"
#include "userblk/worker/payload_buffers.hpp"
#include "userblk/worker/request_executor.hpp"
#include "userblk/worker/thread_counters.hpp"
#include "userblk/worker/worker_state.hpp"

#include <system_error>

namespace userblk {

/// Internal: one thread of a worker: takes batches, executes them, waits when there are none.
class WorkerThread {
public:
    /// @p index among the threads of this worker.
    WorkerThread(WorkerState& state, unsigned index);

    /// Serves until the worker stops or the device is removed. Runs in the serving thread.
    void run();

    void add_counts(Worker::Counts& sum) const noexcept { counters_.add_to(sum); }
    /// See Worker::preload().
    std::error_code preload() noexcept { return buffers_.preload(); }

private:
    using Wait = KernelExchange::Wait;

    void pin() noexcept;
    bool can_be_interrupted();
    Wait wait() const noexcept;
    void wait_in_poll();
    void execute_batch(unsigned count);
    void execute_timed(unsigned count, bool timed);

    WorkerState& state_;
    unsigned index_;
    PayloadBuffers buffers_;
    ThreadCounters counters_;
    RequestExecutor executor_;
    KernelExchange& kernel_;
    BatchSize batch_;
};

} // namespace userblk
