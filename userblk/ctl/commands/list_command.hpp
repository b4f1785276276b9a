// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"
#include "userblk/ctl/format/table_options.hpp"

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
    TableOptions table_;
};

} // namespace userblk::ctl
