// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"
#include "userblk/ctl/commands/serve_command.hpp"

#include <chrono>
#include <optional>

namespace userblk::ctl {

/// Has a device's supervisors start new workers, and drain the old ones.
class ReloadCommand final : public Command {
public:
    std::string name() const override { return "reload"; }
    std::string summary() const override {
        return "Put new workers in place of the old ones, with other options if wanted, without an "
               "error "
               "to who uses the device";
    }
    std::string details() const override;
    void declare(CommandLine& line) override;
    int run() override;

private:
    bool reload_by_socket(std::uint32_t number, std::chrono::nanoseconds limit) const;
    static void reload_by_signal(std::uint32_t number, std::chrono::nanoseconds limit);

    ServeCommand serve_; ///< whose options may be given
    std::string device_;
    std::optional<std::chrono::nanoseconds> timeout_;
};

} // namespace userblk::ctl
