// SPDX-License-Identifier: MIT
#include "userblk/ctl/commands/remove_command.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/backend_spec.hpp"
#include "userblk/backends/memory_backend.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/device_use.hpp"

namespace userblk::ctl {

namespace {
constexpr std::string_view memory_prefix = "mem:";
}

std::string RemoveCommand::details() const {
    return "Servers exit on their own once the device is removed. Memory that belongs to it (mem:) "
           "is removed with it; files and named memory (mem:NAME, /dev/shm/userblk.NAME) stay. "
           "Named memory that serves no device is removed by its own name: mem:NAME.";
}

void RemoveCommand::declare(CommandLine& line) {
    line.arguments("DEV", devices_, std::string(dev_help) + "; or mem:NAME");
    line.flag("-a,--all", all_, "Remove all devices");
    line.flag(
        "-f,--force", force_,
        "Also remove a device in use; waiting requests, and all later I/O to it, fail with an "
        "I/O error, and unflushed data is lost");
}

// Workers that start later would use new, empty memory beside those that have the old.
void RemoveCommand::remove_memory(const std::string& store) const {
    const auto name = BackendSpec::parse(store).argument();
    if (name.empty())
        throw Failure("mem: belongs to its device and is removed with it; expected mem:NAME");
    const auto segment = MemoryBackend::segment_named(name);
    if (MemoryBackend::in_use(segment))
        throw Failure(store + " is in use: it serves a device. Remove the device, or stop its "
                              "servers");
    if (!MemoryBackend::remove(segment))
        throw Failure("there is no " + store + "; see /dev/shm/userblk.*");
}

int RemoveCommand::run() {
    if (all_ == !devices_.empty())
        throw UsageError(all_ ? "--all and DEV exclude each other"
                              : "name a device to remove, or give --all");
    if (all_)
        for (const auto number : abi::device_numbers())
            devices_.push_back(std::to_string(number));
    int status = exit_success;
    for (const auto& device : devices_) {
        try {
            if (device.starts_with(memory_prefix))
                remove_memory(device);
            else
                remove_device(abi::identify_device(device), force_);
        } catch (const std::exception& error) {
            cli::complain(program_name, cli::explain(error));
            status = exit_failure;
        }
    }
    return status;
}

} // namespace userblk::ctl
