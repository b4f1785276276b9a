// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"

namespace userblk::ctl {

/// Shows what a device is, its state, and its taken requests.
class InfoCommand final : public Command {
public:
    std::string name() const override { return "info"; }
    std::string summary() const override {
        return "Show what a device is, its state, and which process holds which requests";
    }
    void declare(CommandLine& line) override;
    int run() override;

private:
    std::string device_;
    bool json_ = false;
};

} // namespace userblk::ctl
