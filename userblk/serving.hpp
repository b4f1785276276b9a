// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "ioctl/file_descriptor.hpp"
#include "userblk/backend.hpp"
#include "userblk/error_log.hpp"
#include "userblk/wait_breaker.hpp"
#include "userblk/worker.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace userblk {

/// Internal: what the threads of a worker have in common. The flags and
/// functions may be used from anywhere, stop() also from a signal handler.
struct Serving {
    Serving(abi::ControlNode control, std::shared_ptr<Backend> store, WorkerOptions settings)
        : node(std::move(control)), backend(std::move(store)), options(std::move(settings)),
          breakers(options.threads) {}

    abi::ControlNode node;
    std::shared_ptr<Backend> backend;
    WorkerOptions options;
    abi::FileDescriptor stop_event{};  ///< readable for ever once stop() was called
    std::vector<WaitBreaker> breakers; ///< one for each thread that waits in SERVE
    std::size_t max_transfer = 0;      ///< bytes
    bool zeroes = false;               ///< the module can fill a READ with zeros
    bool redirect = false;             ///< the module can, and the device allows it
    bool spin = false;                 ///< wanted, and the module can
    unsigned queues = 1;               ///< hardware queues of the device
    unsigned place = 0;                ///< of this worker among those of the device
    std::atomic<bool> stopping = false;
    std::atomic<bool> removed = false;
    ErrorLog errors; ///< of the backend
    std::atomic<bool> told_of_refusal = false;

    void stop() noexcept;
    void log(LogLevel level, const std::string& text) const noexcept {
        write_log(options.log, level, text);
    }
    /// What was not written because there was so much of it.
    void tell_left_out() noexcept;
    void end_breaking() noexcept; ///< when no thread serves any more
};

} // namespace userblk
