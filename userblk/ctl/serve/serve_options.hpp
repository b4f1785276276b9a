// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backend_spec.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/device_options.hpp"
#include "userblk/log.hpp"
#include "userblk/pool.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace userblk::ctl {

/// The command line of "serve". "reload" accepts part of it, to change it.
class ServeOptions {
public:
    ServeOptions() = default;
    ServeOptions(const ServeOptions&) = delete; // the command line refers to the members
    ServeOptions& operator=(const ServeOptions&) = delete;

    void declare(CommandLine& line);
    /// For "reload": a store, and the options that can change while a device is served.
    void declare_change(CommandLine& line);

    /// @throws UsageError if options are missing or contradict each other
    void check() const;

    /// @name For "serve"
    /// @{
    /// DEV, or the device's --name with --create.
    const std::string& device() const noexcept { return create_ ? device_options_.name() : first_; }
    /// Its path is absolute: a process in the background has another folder.
    /// @throws UsageError
    BackendSpec store() const;
    const DeviceOptions& device_options() const noexcept { return device_options_; }
    bool creates() const noexcept { return create_; }
    bool keeps() const noexcept { return keep_; }
    bool reuses() const noexcept { return reuse_; }
    bool redirects() const noexcept { return redirect_; }
    bool shares() const noexcept { return share_; }
    /// Whether the options, not their defaults, ask for more than one serving thread.
    bool asks_for_several_threads() const;
    bool only_checks() const noexcept { return check_only_; }
    bool detaches() const noexcept { return detach_; }
    unsigned workers() const noexcept { return workers_; }
    /// Of --detach.
    std::chrono::nanoseconds timeout() const noexcept;
    /// @param automatic used if there is no --log
    std::string log_target(const std::string& automatic) const;
    LogLevel log_level() const;

    /// The options of the pool. The caller adds the store and the hooks.
    PoolOptions pool_options() const;
    /// For SupervisorRecord::options.
    std::vector<std::string> record_options() const;
    /// The current command line with a change applied: what a reload executes.
    /// @param change see change(); empty: none
    std::vector<std::string> command_line(const BackendSpec& store,
                                          const std::vector<std::string>& change) const;
    /// @}

    /// For "reload": the given options, see PoolOptions::change. Empty: none.
    /// @throws UsageError
    std::vector<std::string> change() const;

private:
    void declare_workers(CommandLine& line);
    void declare_process(CommandLine& line);
    void declare_start(CommandLine& line);
    void declare_creation(CommandLine& line);
    void check_arguments() const;
    void check_worker_options() const;
    void check_start_options() const;
    WorkerOptions worker_options() const;
    std::string argument(const std::string& option, const std::string& value) const;

    std::function<std::vector<CommandLine::Given>()> given_;
    std::string first_, second_; ///< DEV and STORE, or STORE alone with --create
    bool create_ = false, keep_ = false, reuse_ = false;
    DeviceOptions device_options_;
    unsigned workers_ = 2, threads_ = 1, batch_ = 0, spares_ = 1;
    std::string wait_ = "serve";
    std::string scheduling_ = "auto";
    std::optional<Credentials> user_;
    bool lock_memory_ = false;
    std::optional<int> oom_score_;
    std::optional<std::chrono::nanoseconds> start_limit_, drain_limit_, timeout_, retry_;
    bool spin_ = false, pin_ = false;
    bool redirect_ = false, direct_ = false, share_ = false;
    std::string log_target_;
    std::string log_level_ = "information";
    bool check_only_ = false, detach_ = false;
    bool defaults_ = false;   ///< of reload
    bool for_reload_ = false; ///< these are options of reload
};

} // namespace userblk::ctl
