// SPDX-License-Identifier: MIT
#include "userblk/ctl/commands/create_command.hpp"

#include "userblk/cli/json.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/format/device_facts.hpp"
#include "userblk/ctl/kernel_module.hpp"
#include "userblk/device/udev_links.hpp"
#include "userblk/units.hpp"

#include <iostream>

namespace userblk::ctl {

namespace {

std::string reason(const DeviceConfig& config, const std::system_error& error) {
    const auto is = [&](std::errc code) { return error.code() == code; };
    if (is(std::errc::permission_denied) || is(std::errc::operation_not_permitted))
        return "no permission to create a device; run this as root";
    if (is(std::errc::file_exists)) {
        std::string what;
        if (!config.name.empty())
            what = "the name \"" + config.name + "\"";
        if (config.number)
            what += (what.empty() ? "" : " or ") + ("the number " + std::to_string(*config.number));
        return what + " is in use; see userblkctl list";
    }
    if (is(std::errc::no_space_on_device))
        return "the maximum number of devices exists; remove one";
    if (is(std::errc::file_too_large))
        return format_size(config.size) + " is larger than this kernel's block layer supports";
    if (is(std::errc::not_enough_memory))
        return "the kernel lacks memory; fewer queues (--queues) with less depth (--depth) "
               "need less";
    return error.what();
}

void print_config(const userblk_config& config) {
    cli::JsonWriter json(cli::JsonWriter::Layout::indented);
    json.begin_object();
    write(json, config);
    std::cout << json.end_object().text() << std::endl;
}

} // namespace

Device create_device(const DeviceConfig& config) {
    ensure_module();
    try {
        return Device::create(config);
    } catch (const std::system_error& error) {
        throw Failure(reason(config, error));
    } catch (const std::invalid_argument& error) {
        throw UsageError(error.what());
    }
}

std::string CreateCommand::details() const {
    return "Prints the path of the block node. The device exists at once, but has size 0, and I/O "
           "to it fails, until a process serves it (userblkctl serve).";
}

void CreateCommand::declare(CommandLine& line) {
    line.flag("-J,--json", json_, "Print the values in force as JSON instead of the path");
    options_.declare(line);
}

int CreateCommand::run() {
    if (options_.size() == 0)
        throw UsageError("--size is missing or 0; give one, such as --size 1G");
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
