// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"

#include <cstdint>

namespace userblk::ctl {

/// Changes a device's size.
class ResizeCommand final : public Command {
public:
    std::string name() const override { return "resize"; }
    std::string summary() const override { return "Change a device's size while it is in use"; }
    std::string details() const override;
    void declare(CommandLine& line) override;
    int run() override;

private:
    std::string device_;
    std::string size_;
    bool force_ = false;
};

} // namespace userblk::ctl
