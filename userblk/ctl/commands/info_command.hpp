// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"

namespace userblk::ctl {

/// Tells what one device is, how it is doing, and who holds what.
class InfoCommand final : public Command {
public:
    std::string name() const override { return "info"; }
    std::string summary() const override {
        return "Tell what a device is, how it is doing, and who holds which requests";
    }
    void declare(CommandLine& line) override;
    int run() override;

private:
    std::string device_;
    bool json_ = false;
};

} // namespace userblk::ctl
