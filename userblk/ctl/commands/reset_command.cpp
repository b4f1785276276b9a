// SPDX-License-Identifier: MIT
#include "userblk/ctl/commands/reset_command.hpp"

#include "userblk/ctl/command_line.hpp"

#include <iostream>

namespace userblk::ctl {

std::string ResetCommand::details() const {
    return "Safe at any time without a forced form: refused for a device whose store must be "
           "fenced "
           "first, which those who serve it do. The same as userblk-recover --reset.";
}

void ResetCommand::declare(CommandLine& line) {
    line.arguments("DEV", options_.devices, dev_help, true);
    line.flag("-J,--json", options_.json, "Print JSON: what was pending and how much was put back");
    line.selection(options_.selection);
}

int ResetCommand::run() {
    options_.program = program_name;
    options_.reset = true;
    options_.show = false;
    // Requests orphaned since are no failure of this reset.
    return inspect::recover(options_, std::cout) == exit_failure ? exit_failure : exit_success;
}

} // namespace userblk::ctl
