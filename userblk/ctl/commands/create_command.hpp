// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"
#include "userblk/ctl/device_options.hpp"

namespace userblk::ctl {

/// Makes a device and prints the path of its block node.
class CreateCommand final : public Command {
public:
    std::string name() const override { return "create"; }
    std::string summary() const override { return "Make a device, to be served by anyone"; }
    std::string details() const override;
    void declare(CommandLine& line) override;
    int run() override;

private:
    DeviceOptions options_;
    bool json_ = false;
};

/// Makes a device, the module loaded before if need be.
/// @throws Failure with a reason for people
Device create_device(const DeviceConfig& config);

} // namespace userblk::ctl
