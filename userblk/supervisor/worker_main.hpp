// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/async_backend.hpp"
#include "userblk/pool.hpp"
#include "userblk/process_setup.hpp"
#include "userblk/worker.hpp"

#include <csignal>
#include <cstdint>
#include <optional>
#include <string>

namespace userblk {

/// Internal: what a worker process needs to begin.
struct WorkerSetup {
    std::uint32_t number = 0;
    std::uint64_t diskseq = 0; ///< tells the device from others of that number; 0: unknown
    StoreFactory factory;
    WorkerOptions options;
    bool lock_memory = false;
    Scheduling scheduling = Scheduling::unchanged; ///< never automatic
    std::optional<Credentials> run_as;
    std::string identity{}; ///< of the store; empty: unknown, so any will do
    /// The device changes its store: until these workers begin, others serve it with the old one.
    bool claims_late = false;
    std::string program{}; ///< the process is named after it, see worker_name()
};

/// How a worker process ended, as its exit status. A backend may call exit() with the
/// same numbers: WorkerProcess::ended_in_order() tells the difference.
enum WorkerExit : int {
    worker_stopped = 0,
    worker_failed = 1,
    worker_removed = 3, ///< the device was removed
};

/// Asks a worker to drain and exit.
inline constexpr int worker_stop_signal = SIGTERM;

/// Internal: the whole life of a worker process. It opens its store, reports that over
/// @p channel (see worker_channel.hpp), waits there for permission to serve, serves until the
/// supervisor sends SIGTERM, reports its end and exits. SIGTERM from another process is forwarded
/// to the supervisor. If the supervisor ends before it has given permission, the worker exits; if
/// it ends later, the worker keeps serving, and SIGTERM from any process stops it.
[[noreturn]] void run_worker_process(const WorkerSetup& setup,
                                     abi::FileDescriptor channel) noexcept;

} // namespace userblk
