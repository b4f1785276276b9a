// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"
#include "userblk/ctl/serve/serve_options.hpp"

#include <chrono>
#include <optional>

namespace userblk::ctl {

/// Makes a device's supervisors start new workers and drain the old ones.
class ReloadCommand final : public Command {
public:
    std::string name() const override { return "reload"; }
    std::string summary() const override {
        return "Replace the workers by new ones, optionally with other options, without errors for "
               "the device's users";
    }
    std::string details() const override;
    void declare(CommandLine& line) override;
    int run() override;

private:
    bool reload_by_socket(std::uint32_t number, std::chrono::nanoseconds limit) const;
    static void reload_by_signal(std::uint32_t number, std::chrono::nanoseconds limit);

    ServeOptions serve_options_; ///< of the workers, as far as they change
    std::string device_;
    std::optional<std::chrono::nanoseconds> timeout_;
};

} // namespace userblk::ctl
