// SPDX-License-Identifier: MIT
#pragma once

#include "bench/ublk/queue.hpp"

#include <exception>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

namespace userblk::bench::ublk {

struct ServerOptions {
    QueueOptions queue;
    bool pin = false;   ///< to the CPUs that feed the queue
    unsigned tasks = 1; ///< threads per queue (UBLK_F_PER_IO_DAEMON)
};

/// The threads of a device, one or more per queue. Used by the device's thread.
class Server {
public:
    /// The device and the target must outlive it.
    Server(Device& device, const Target& target, const ServerOptions& options)
        : device_(device), target_(target), options_(options) {}
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    /// Returns once the disk is usable. From then on, a thread that exits before stop() – because
    /// it failed, or somebody else stopped the device – sends this process SIGTERM.
    /// @throws std::system_error
    void start();

    /// Ends the disk and the threads.
    /// @throws std::system_error, also for a thread's failure
    void stop();

private:
    void work(unsigned thread, std::promise<void>& ready, const cpu_set_t* processors) noexcept;
    void serve(unsigned thread, std::promise<void>& ready, const cpu_set_t* processors);
    void failed(std::promise<void>& ready) noexcept;

    Device& device_;
    const Target& target_;
    ServerOptions options_;
    std::mutex mutex_;
    std::exception_ptr failure_; ///< of the first thread that failed while serving
    std::vector<std::promise<void>> ready_;
    std::vector<cpu_set_t> processors_;
    std::vector<std::jthread> threads_;
};

} // namespace userblk::bench::ublk
