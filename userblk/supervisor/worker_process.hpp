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
#include <utility>

namespace userblk {

/// Internal: what a worker process needs to begin.
struct WorkerSetup {
    std::uint32_t number = 0;
    std::uint64_t diskseq = 0; ///< which device that is; 0: not known
    BackendFactory factory;
    WorkerOptions options;
    bool lock_memory = false;
    Scheduling scheduling = Scheduling::unchanged; ///< never automatic
    std::optional<Credentials> run_as;
    std::string identity{}; ///< of the store; empty: not known, so that it may be any
    /// The device's store is to be changed: until these workers begin, others serve with
    /// another one.
    bool claims_late = false;
};

/// How a worker process ended, as its exit status. A backend may call exit() with the
/// same numbers: WorkerProcess::ended_in_order() tells the difference.
enum WorkerExit : int {
    worker_stopped = 0,
    worker_failed = 1,
    worker_removed = 3, ///< the device was removed
};

/// The worker process's whole life: opens its store, tells so over @p channel,
/// waits there for the word to go, serves until the supervisor sends SIGTERM, says there
/// that this was all, and exits. SIGTERM of others is passed on to the supervisor. When that
/// is gone before the word to go came, it exits; afterwards it stays, and SIGTERM of anybody
/// ends it.
[[noreturn]] void be_worker(const WorkerSetup& setup, abi::FileDescriptor channel) noexcept;

/// What a worker process says over its channel.
struct WorkerMessage {
    bool ready = false; ///< the store is open; otherwise it is not and text says why
    /// Why not; or the store's identity and its names, with NUL between them.
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

    /// The message that is there, if it is for the supervisor. Does not wait.
    std::optional<WorkerMessage> receive();
    /// The word to begin.
    void go(unsigned place) noexcept;
    /// Asks it to answer what it has, and end.
    void stop() noexcept;
    void kill() noexcept;
    /// Takes the ended process's status (wait(2)'s, or unknown_status); nothing: it has
    /// not ended.
    std::optional<int> reap() noexcept;
    /// Whether the process, which has ended with @p status, had served to the end; not if it
    /// was killed or its backend called exit(), whatever the status. Call after reap(), when
    /// receive() has nothing more.
    bool ended_in_order(int status) const noexcept;
    /// Whether somebody else has sent it SIGTERM since the last call. It serves on until
    /// stop().
    bool was_asked_to_end() noexcept { return std::exchange(asked_to_end_, false); }
    /// Whether it has said itself that it ends, in order or not.
    bool told_end() const noexcept { return told_end_.has_value(); }
    /// describe_exit(), and whether the worker knew of its end.
    std::string describe_end(int status) const;

    State state;
    unsigned generation;       ///< of which reload it is a child
    Clock::time_point since{}; ///< in this state

private:
    pid_t pid_;
    abi::FileDescriptor pidfd_;
    abi::FileDescriptor channel_;
    bool had_channel_;
    bool asked_to_end_ = false;
    std::optional<int> told_end_; ///< its own word on its end, a WorkerExit
};

/// Somebody else has waited for the process.
inline constexpr int unknown_status = -1;

/// "exited with status 1", "was killed by signal 9 (Killed)".
std::string describe_exit(int status);

} // namespace userblk
