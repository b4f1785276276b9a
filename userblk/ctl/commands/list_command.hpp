// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"
#include "userblk/ctl/format/table_options.hpp"

namespace userblk::ctl {

/// Lists the devices, without privilege: from sysfs alone, opens nothing.
class ListCommand final : public Command {
public:
    std::string name() const override { return "list"; }
    std::string summary() const override { return "List devices; requires no privilege"; }
    std::string details() const override;
    void declare(CommandLine& line) override;
    int run() override;

private:
    std::vector<std::string> devices_;
    TableOptions table_;
};

} // namespace userblk::ctl
