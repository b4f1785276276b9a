// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/pool.hpp"
#include "userblk/supervisor/reexec_state.hpp"
#include "userblk/supervisor/reload_socket.hpp"
#include "userblk/supervisor/start_check.hpp"
#include "userblk/supervisor/status_report.hpp"
#include "userblk/supervisor/supervised_device.hpp"
#include "userblk/supervisor/worker_places.hpp"
#include "userblk/supervisor/worker_starter.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace userblk {

/// Internal: the reload of a pool, in these steps:
///
/// 1. begin(): checks in a separate process whether the new program would start. If not,
///    nothing changes. A pool without a program forks new workers instead.
/// 2. The new program replaces this one (exec); adopt() continues there, with the old workers.
/// 3. advance(): when enough new workers are ready, they replace the old ones. If the new program
///    has another store, the old workers are drained before the new ones begin.
/// 4. If the new workers fail, abandon() reverts to the previous program.
class Reload {
public:
    using Clock = std::chrono::steady_clock;

    /// @param is_to_stop whether the pool was asked to stop: then no new program is executed, and
    ///                   the previous one, if it is executed again, gets the request too
    Reload(const PoolOptions& options, WorkerPlaces& places, WorkerStarter& starter,
           SupervisedDevice& device, StatusReport& report, std::function<bool()> is_to_stop);

    /// Accepts requests on a socket beside the supervisor's file.
    void listen(const std::string& supervisor_file);
    void stop_listening() noexcept { socket_.reset(); }
    /// For a forked child: closes what it must not keep open.
    void close_inherited() noexcept;

    /// Whether the program that this one has replaced had other options.
    bool is_other_program(const ReloadState& state) const noexcept;
    /// Continues the reload of the program that this one has replaced.
    /// @param served whether its workers have served
    void adopt(const ReloadState& state, bool served);
    /// Executes the new program. Returns only if there is none, if it has to be checked first, or
    /// if that fails.
    /// @param change see PoolOptions::change; empty: none
    void begin(const std::vector<std::string>& change);
    /// Advances an active reload as far as possible at the moment.
    void advance();
    /// The new workers do not start: reverts to the old ones, and to their program.
    void abandon(const std::string& why);
    /// Cancels the check of a new program, so that it is not executed.
    void cancel_check(const std::string& why) noexcept;
    /// The pool ends.
    void cancel(const std::string& why) noexcept;

    /// Whether new workers are to replace old ones.
    bool is_active() const noexcept { return active_; }
    /// Whether the new workers have another store than the old ones: they must not serve together.
    bool changes_store() const noexcept;
    /// Reserves the device for its store, unless a reload is changing that.
    void reserve_device() const noexcept;

    /// @name What to wait for; descriptors are -1 if there is none
    /// @{
    int socket_fd() const noexcept { return socket_ ? socket_->fd() : -1; }
    int check_pidfd() const noexcept { return check_ ? check_->pidfd() : -1; }
    int check_output() const noexcept { return check_ ? check_->output() : -1; }
    /// max(): there is none.
    Clock::time_point next_deadline() const noexcept {
        return drain_deadline_.value_or(Clock::time_point::max());
    }
    /// A client has connected: handles its request.
    void on_client();
    /// The check has exited, or printed something.
    void on_check();
    /// @}

private:
    /// What was in force before the reload.
    struct Previous {
        std::vector<std::string> program; ///< empty: the same as now
        std::string identity;             ///< of the store
        abi::FileDescriptor store;        ///< open, if this program has opened its own by name
    };
    struct Next {
        std::vector<std::string> program;
        bool opens_store = false; ///< by its name; otherwise it gets the open file
    };

    void fork_new_workers();
    void check_next();
    void execute_next();
    void replace_store();
    void complete();
    void dismiss_client();
    void refuse(const std::string& why);
    void revert_program(const std::string& why);
    ReloadState state_for_next() const;
    int open_store() const noexcept;
    std::error_code execute_with_workers(const std::vector<std::string>& program,
                                         ReloadState state);
    void set_active(bool active) noexcept;
    void report_to_client(ReloadEvent::Kind kind, const std::string& text = {}) noexcept;
    void fail_client(const std::string& why) noexcept;

    const PoolOptions& options_;
    WorkerPlaces& places_;
    WorkerStarter& starter_;
    SupervisedDevice& device_;
    StatusReport& report_;
    std::function<bool()> is_to_stop_;

    bool active_ = false;
    std::optional<ReloadSocket> socket_;
    std::optional<ReloadClient> client_; ///< waits for the outcome
    std::optional<StartCheck> check_;    ///< of next_
    Next next_;
    Previous previous_;
    std::optional<Clock::time_point> drain_deadline_; ///< set: old workers drain, none serves
};

} // namespace userblk
