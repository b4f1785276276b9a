// SPDX-License-Identifier: MIT
#include "userblk/ctl/commands/info_command.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/cli/json.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/format/device_report.hpp"

#include <iostream>

namespace userblk::ctl {

void InfoCommand::declare(CommandLine& line) {
    line.argument("DEV", device_, dev_help);
    line.flag("-J,--json", json_, "Print JSON; sizes in bytes, times in nanoseconds");
}

int InfoCommand::run() {
    const auto report = report_of(inspect::open_node(abi::find_device(device_)));
    if (!json_) {
        print(std::cout, report);
        return exit_success;
    }
    cli::JsonWriter json(cli::JsonWriter::Layout::indented);
    write(json, report);
    std::cout << json.text() << std::endl;
    return exit_success;
}

} // namespace userblk::ctl
