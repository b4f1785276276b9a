// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/supervisor/worker_main.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>

namespace userblk {

/// Internal: what a worker process reports before it serves.
struct WorkerMessage {
    bool ready = false; ///< the store is open; otherwise the worker exits, and text says why
    /// The reason; or the store's identity and its names, with NUL between them.
    std::string text;
};

/// Internal: a worker process, from the point of view of its supervisor. The process outlives this
/// object.
class WorkerProcess {
public:
    enum class State {
        starting, ///< opens its store
        ready,    ///< waits for permission to serve
        serving,
        draining ///< was asked to stop
    };
    using Clock = std::chrono::steady_clock;

    /// Forks a process that becomes a worker. In it, @p close_inherited runs first: a descriptor
    /// that stays open there keeps others from noticing that the supervisor has ended.
    /// @throws std::system_error
    static std::unique_ptr<WorkerProcess> start(const WorkerSetup& setup, unsigned generation,
                                                const std::function<void()>& close_inherited);

    /// @param pid a child of this process; @param channel to it, may be empty
    /// @throws std::system_error
    WorkerProcess(pid_t pid, abi::FileDescriptor channel, State state, unsigned generation);

    pid_t pid() const noexcept { return pid_; }
    /// Readable when it has exited.
    int pidfd() const noexcept { return pidfd_.get(); }
    /// Readable when there is a message; -1: there will be none.
    int channel() const noexcept { return channel_.get(); }
    bool is_waiting() const noexcept { return state == State::starting || state == State::ready; }

    /// Reads what has arrived; returns a message if one is for the supervisor. Does not wait.
    std::optional<WorkerMessage> receive();
    /// Lets it serve.
    void go(unsigned place) noexcept;
    /// Asks it to answer what it has taken, and to exit.
    void stop() noexcept;
    void kill() noexcept;
    /// Takes the status of an exited process (wait(2)'s, or unknown_status); nothing: it still
    /// runs.
    std::optional<int> reap() noexcept;
    /// Whether the process, which has ended with @p status, served to the end; false if it was
    /// killed or its backend called exit(), whatever the status. Call after reap(), when
    /// receive() has nothing more.
    bool ended_in_order(int status) const noexcept;
    /// Whether another process has sent it SIGTERM since the last call. It serves until stop().
    bool sigterm_received() noexcept { return std::exchange(sigterm_received_, false); }
    /// Whether it has reported its own end, in order or not.
    bool reported_end() const noexcept { return reported_status_.has_value(); }
    /// describe_exit(), and whether the worker reported its end.
    std::string describe_end(int status) const;

    State state;
    unsigned generation;       ///< counts reloads, see WorkerPlaces
    Clock::time_point since{}; ///< in this state

private:
    pid_t pid_;
    abi::FileDescriptor pidfd_;
    abi::FileDescriptor channel_;
    bool had_channel_;
    bool sigterm_received_ = false;
    std::optional<int> reported_status_; ///< a WorkerExit
};

/// Something else has waited for the process.
inline constexpr int unknown_status = -1;

/// "exited with status 1", "was killed by signal 9 (Killed)".
std::string describe_exit(int status);

} // namespace userblk
