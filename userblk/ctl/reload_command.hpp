// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"

#include <chrono>
#include <optional>

namespace userblk::ctl {

/// Has a device's supervisors start new workers, and drain the old ones.
class ReloadCommand final : public Command {
public:
    std::string name() const override { return "reload"; }
    std::string summary() const override {
        return "Put new workers in place of the old ones, without an error to who uses the device";
    }
    std::string details() const override;
    void declare(CommandLine& line) override;
    int run() override;

private:
    std::string device_;
    std::optional<std::chrono::nanoseconds> timeout_;
};

} // namespace userblk::ctl
