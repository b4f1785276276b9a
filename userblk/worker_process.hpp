// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/backend.hpp"
#include "userblk/log.hpp"
#include "userblk/pool.hpp"
#include "userblk/process_setup.hpp"
#include "userblk/worker.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>

namespace userblk {

/// Internal: what a worker process needs to begin.
struct WorkerSetup {
    std::uint32_t number = 0;
    BackendFactory factory;
    WorkerOptions options;
    bool lock_memory = false;
    Scheduling scheduling = Scheduling::unchanged; ///< never automatic
    std::optional<Credentials> run_as;
};

/// How a worker process ended, as its exit status.
enum WorkerExit : int {
    worker_stopped = 0,
    worker_failed = 1,
    worker_removed = 3, ///< the device was removed
};

/// The worker process's whole life: opens its store, tells so over @p channel,
/// waits there for the word to go, serves until SIGTERM, and exits. When the
/// supervisor is gone before the word came, it exits; afterwards it stays.
[[noreturn]] void be_worker(const WorkerSetup& setup, abi::FileDescriptor channel) noexcept;

/// What a worker process says over its channel.
struct WorkerMessage {
    bool ready = false; ///< the store is open; otherwise it is not and text says why
    std::string text;
};

/// The supervisor's side: one child process. It ends by itself, not with this
/// object.
class WorkerProcess {
public:
    enum class State {
        starting, ///< opens its store
        ready,    ///< waits for the word to go
        serving,
        draining ///< was told to stop
    };
    using Clock = std::chrono::steady_clock;

    /// @param pid a child of this process; @param channel to it, may be empty
    /// @throws std::system_error
    WorkerProcess(pid_t pid, abi::FileDescriptor channel, State state, unsigned generation);

    pid_t pid() const noexcept { return pid_; }
    /// Readable when it has ended.
    int pidfd() const noexcept { return pidfd_.get(); }
    /// Readable when there is a message; -1: there will be none.
    int channel() const noexcept { return channel_.get(); }

    /// The message that is there. Does not wait.
    std::optional<WorkerMessage> receive();
    /// The word to begin.
    void go(unsigned place) noexcept;
    /// Asks it to answer what it has, and end.
    void stop() noexcept;
    void kill() noexcept;
    /// Takes the ended process's status (wait(2)'s); nothing: it has not ended.
    std::optional<int> reap() noexcept;

    State state;
    unsigned generation;       ///< of which reload it is a child
    Clock::time_point since{}; ///< in this state

private:
    pid_t pid_;
    abi::FileDescriptor pidfd_;
    abi::FileDescriptor channel_;
};

/// "exited with status 1", "was killed by signal 9 (Killed)".
std::string describe_exit(int status);

} // namespace userblk
