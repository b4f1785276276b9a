// SPDX-License-Identifier: MIT
#include "userblk/ctl/commands/create_command.hpp"

#include "userblk/cli/json.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/device_creation.hpp"
#include "userblk/ctl/format/device_facts.hpp"
#include "userblk/device/udev_links.hpp"

#include <iostream>

namespace userblk::ctl {

namespace {

void print_config(const userblk_config& config) {
    cli::JsonWriter json(cli::JsonWriter::Layout::indented);
    json.begin_object();
    write(json, config);
    std::cout << json.end_object().text() << std::endl;
}

} // namespace

std::string CreateCommand::details() const {
    return "Prints the path of the block node. The device exists at once, but has size 0, and I/O "
           "to it fails, until a process serves it (userblkctl serve).";
}

void CreateCommand::declare(CommandLine& line) {
    line.flag("-J,--json", json_, "Print the values in force as JSON instead of the path");
    options_.declare(line);
}

int CreateCommand::run() {
    options_.check_size_given();
    if (options_.size() == 0)
        throw UsageError("--size is missing; expected a size, such as --size 1G");
    const auto device = create_device(options_.apply({}));
    UdevLinks links(device.number(), UdevLinks::Since::made);
    links.wait();
    if (!links.complaint().empty())
        cli::complain(program_name, "warning: " + links.complaint());
    if (json_)
        print_config(device.node().info().device.config);
    else
        std::cout << device.block_path() << std::endl;
    // Otherwise the user would not know which device it is.
    if (!std::cout)
        Device::remove(device.number(), true);
    return exit_success;
}

} // namespace userblk::ctl
