// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/worker/batch_size.hpp"
#include "userblk/worker/kernel_exchange.hpp"
#include "userblk/worker/payload_buffers.hpp"
#include "userblk/worker/request_executor.hpp"
#include "userblk/worker/serving_thread.hpp"
#include "userblk/worker/worker_state.hpp"

#include <system_error>

namespace userblk {

/// Internal: a thread of a worker with a Backend: takes batches, executes them, waits when there
/// are none.
class WorkerThread final : public ServingThread {
public:
    WorkerThread(WorkerState& state, unsigned index);

    void run() override;
    const Store& store() const noexcept override { return *state_.backend; }
    std::error_code preload() noexcept override { return buffers_.preload(); }

private:
    using Wait = KernelExchange::Wait;

    Wait wait() const noexcept;
    void wait_in_poll();
    void execute_batch(unsigned count);
    void execute_timed(unsigned count, bool timed);

    PayloadBuffers buffers_;
    RequestExecutor executor_;
    KernelExchange& kernel_;
    BatchSize batch_;
};

} // namespace userblk
