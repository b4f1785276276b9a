// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/backend_spec.hpp"
#include "userblk/ctl/command.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/device_options.hpp"
#include "userblk/pool.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace userblk::ctl {

class Background;

/// Serves a device by a store, in the foreground or not.
class ServeCommand final : public Command {
public:
    std::string name() const override { return "serve"; }
    std::string summary() const override {
        return "Serve a device from memory, a file or a block device, by several processes";
    }
    std::string details() const override;
    void declare(CommandLine& line) override;
    int run() override;

    /// For reload: what can be changed while a device is served, and a store.
    void declare_change(CommandLine& line);
    /// What was given of it, for the supervisor's own serve command; empty: nothing.
    /// @throws UsageError
    std::vector<std::string> change() const;

private:
    /// The device that is served, and whether it is ours to remove at the end.
    struct Target {
        std::uint32_t number = 0;
        bool ours = false;
        bool joined = false;       ///< others served it already
        bool made = false;         ///< by this command: gone again if that fails
        std::uint64_t diskseq = 0; ///< known while it is served, and of one that was made
    };

    /// The store that is served, kept open whatever becomes of its name.
    struct HeldStore {
        abi::FileDescriptor fd;
        std::string path;
        std::string identity;
    };

    void declare_workers(CommandLine& line);
    void declare_process(CommandLine& line);
    void declare_background(CommandLine& line);
    void declare_creation(CommandLine& line);
    void check() const;
    BackendSpec parse_store() const;
    void warn_of_other_size(std::uint32_t number, std::uint64_t size,
                            const BackendSpec& store) const;
    std::uint64_t check_device(std::uint32_t number, const BackendSpec& store) const;
    void check_others(std::uint32_t number, const BackendSpec& store) const;
    Target find_target(const BackendSpec& store) const;
    Target make_target(const BackendSpec& store) const;
    SupervisorRecord record(const BackendSpec& store) const;
    std::vector<std::string> command_line(const BackendSpec& store,
                                          const std::vector<std::string>& change) const;
    PoolOptions pool_options(const Target& target, const BackendSpec& store) const;
    HeldStore claim(const Target& target, const BackendSpec& store, const LogFunction& log) const;
    LogFunction open_log() const;
    int check_start(const std::optional<Pool::Continuation>& continuation) const;
    int go_on(const Pool::Continuation& continuation);
    int serve(Target target, const BackendSpec& store, const LogFunction& log,
              std::function<void()> ready) const;
    int serve_here(const Target& target, const BackendSpec& store) const;
    int serve_in_background(const Target& target, const BackendSpec& store) const;
    void wait_until_served(Background& background, const Target& target) const;
    std::string other_servers(const Target& target) const;
    std::function<bool()> removal_before_stop(const Target& target) const;
    void remove_at_end(const Target& target, const LogFunction& log) const;
    void undo(const Target& target) const noexcept;

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
    std::optional<std::chrono::nanoseconds> start_limit_, drain_limit_, timeout_;
    bool detach_ = false;
    bool spin_ = false, pin_ = false;
    bool redirect_ = false, direct_ = false, share_ = false;
    mutable LogFunction log_; ///< once it is open
    std::string log_target_;
    std::string log_level_ = "information";
    bool check_only_ = false;
    bool defaults_ = false;   ///< of reload
    bool for_change_ = false; ///< these are options of reload
    bool continued_ = false;  ///< in place of another, which started workers that serve
};

} // namespace userblk::ctl
