// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "ioctl/file_descriptor.hpp"
#include "userblk/backend.hpp"
#include "userblk/worker.hpp"
#include "userblk/worker/error_log.hpp"
#include "userblk/worker/thread_counters.hpp"
#include "userblk/worker/wait_interrupter.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace userblk {

/// Internal: state shared by the threads of a worker. Flags and functions are usable from
/// any thread, stop() also from a signal handler; the rest is set before threads start.
struct WorkerState {
    WorkerState(abi::ControlNode control, WorkerOptions settings)
        : node(std::move(control)), options(std::move(settings)), interrupters(options.threads) {}

    abi::ControlNode node;
    std::shared_ptr<Backend> backend; ///< null: each thread has an AsyncBackend of its own
    WorkerOptions options;
    abi::FileDescriptor stop_event{};          ///< stays readable once stop() was called
    std::vector<WaitInterrupter> interrupters; ///< one per thread that waits in SERVE
    DeviceContext device{};                    ///< for backends
    std::size_t max_transfer = 0;              ///< bytes
    unsigned depth = 0;                        ///< of a hardware queue
    bool batch_given = false;                  ///< options.batch is not the default
    bool zeroes = false;                       ///< the module can fill a READ with zeros
    bool redirect = false; ///< supported by the module and allowed by the device
    bool spin = false;     ///< requested, and supported by the module
    /// Threads wait in SERVE, and the module ends their waits; otherwise the interrupters do.
    bool wake = false;
    /// The flags of a SERVE that waits.
    std::uint32_t wait_flags = USERBLK_GET_WATCH;
    /// Of the device. Threads that serve put back the requests of the dead only with
    /// StoreClass::process; otherwise they do not watch for deaths, and a Healer does both.
    StoreClass store_class = StoreClass::process;
    ThreadCounters healer_counters;
    unsigned queues = 1; ///< hardware queues of the device
    unsigned place = 0;  ///< index of this worker among those of the device
    std::atomic<bool> stopping = false;
    std::atomic<bool> removed = false;
    ErrorLog errors; ///< errors of the backend
    std::atomic<bool> refusal_logged = false;

    bool running() const noexcept { return !stopping && !removed; }
    /// A thread that spins must not keep others from the processor.
    bool adapts_scheduling() const noexcept { return options.adapt_scheduling && !spin; }
    bool threads_heal() const noexcept { return store_class == StoreClass::process; }
    void stop() noexcept;
    void log(LogLevel level, const std::string& text) const noexcept {
        write_log(options.log, level, text);
    }
    /// Logs how many errors were suppressed by the rate limit.
    void log_suppressed() noexcept;
    /// Call it once no thread serves.
    void stop_interrupting() noexcept;
};

} // namespace userblk
