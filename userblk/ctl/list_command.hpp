// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"

namespace userblk::ctl {

/// Lists the devices, for everybody: all from sysfs, nothing is opened.
class ListCommand final : public Command {
public:
    std::string name() const override { return "list"; }
    std::string summary() const override { return "List the devices; needs no privilege"; }
    std::string details() const override;
    void declare(CommandLine& line) override;
    int run() override;

private:
    std::vector<std::string> devices_;
    std::string columns_;
    bool no_headings_ = false;
    bool bytes_ = false;
    bool json_ = false;
};

} // namespace userblk::ctl
