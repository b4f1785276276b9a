// SPDX-License-Identifier: MIT
#include "userblk/ctl/remove_command.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/device_use.hpp"

namespace userblk::ctl {

std::string RemoveCommand::details() const {
    return "Who serves a device ends by itself when it is gone. Memory that belonged to it (mem:) "
           "goes with it; files and named memory stay.";
}

void RemoveCommand::declare(CommandLine& line) {
    line.arguments("DEV", devices_, dev_help);
    line.flag("-a,--all", all_, "Remove all devices that there are");
    line.flag("-f,--force", force_,
              "Also remove a device that is in use; what waits, and whatever is done on it later, "
              "fails with an I/O error, and what was not flushed is lost");
}

int RemoveCommand::run() {
    if (all_ == !devices_.empty())
        throw UsageError(all_ ? "--all and names of devices do not go together"
                              : "name a device to remove, or give --all");
    if (all_)
        for (const auto number : abi::device_numbers())
            devices_.push_back(std::to_string(number));
    int status = exit_success;
    for (const auto& device : devices_) {
        try {
            remove_device(abi::find_device(device), force_);
        } catch (const std::exception& error) {
            recovery::complain(program_name, recovery::explain(error));
            status = exit_failure;
        }
    }
    return status;
}

} // namespace userblk::ctl
