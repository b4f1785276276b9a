// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"
#include "userblk/ctl/device_options.hpp"

namespace userblk::ctl {

/// Creates a device and prints the path of its block node.
class CreateCommand final : public Command {
public:
    std::string name() const override { return "create"; }
    std::string summary() const override { return "Create a device, for any process to serve"; }
    std::string details() const override;
    void declare(CommandLine& line) override;
    int run() override;

private:
    DeviceOptions options_;
    bool json_ = false;
};

} // namespace userblk::ctl
