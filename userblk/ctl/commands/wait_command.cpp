// SPDX-License-Identifier: MIT
#include "userblk/ctl/commands/wait_command.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/inspect/survey.hpp"
#include "userblk/units.hpp"

#include <thread>

namespace userblk::ctl {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds poll_interval{50};

// Polls a device until a condition holds; false: timeout.
template <typename Condition>
bool wait_until(std::chrono::nanoseconds limit, Condition condition) {
    const auto start = Clock::now();
    while (!condition()) {
        const auto spent = Clock::now() - start;
        if (limit != infinity && spent >= limit)
            return false;
        std::this_thread::sleep_for(
            limit == infinity ? poll_interval
                              : std::min<std::chrono::nanoseconds>(poll_interval, limit - spent));
    }
    return true;
}

std::string timeout_text(const std::string& what, std::uint32_t number,
                         std::chrono::nanoseconds limit) {
    const auto disk = abi::disk_name(number);
    const auto within = " within " + format_duration(limit);
    if (what == "idle")
        return disk + " was never idle" + within;
    if (what == "removed")
        return disk + " was not removed" + within;
    const auto facts = abi::read_attributes(number);
    if (facts.state == "new")
        return disk + " was not served" + within + "; start it with: userblkctl serve " + disk +
               " STORE";
    return disk + " did not answer a read" + within + ": " +
           (facts.taken > 0 ? "its servers are slow or stuck" : "nobody takes its requests") +
           " (see userblkctl info " + disk + ")";
}

} // namespace

bool wait_until_ready(const Device& device, std::chrono::nanoseconds limit) {
    try {
        return device.wait_ready(limit);
    } catch (const std::system_error& error) {
        if (error.code() == std::errc::permission_denied ||
            error.code() == std::errc::operation_not_permitted)
            throw Failure("no permission to read " + device.block_path() +
                          "; run this as root or in the group of that node");
        if (error.code() == std::errc::no_such_file_or_directory ||
            error.code() == std::errc::no_such_device_or_address ||
            error.code() == std::errc::no_such_device)
            throw Failure(abi::disk_name(device.number()) + " was removed");
        throw Failure(abi::disk_name(device.number()) +
                      " exists, but reading its first block failed: " + error.code().message());
    }
}

void WaitCommand::declare(CommandLine& line) {
    line.argument("DEV", device_, dev_help);
    line.choice("--for", what_, {"ready", "idle", "removed"},
                "ready: the device answers a read (default); idle: no request is queued or taken; "
                "removed: the device does not exist");
    line.time("-t,--timeout", timeout_, "Fail after TIME (30s); default infinity");
}

bool WaitCommand::wait_ready(std::uint32_t number, std::chrono::nanoseconds limit) const {
    return wait_until_ready(Device(inspect::open_node(number)), limit);
}

bool WaitCommand::wait_idle(std::uint32_t number, std::chrono::nanoseconds limit) const {
    return wait_until(limit, [number] {
        const auto facts = abi::read_attributes(number);
        return facts.queued == 0 && facts.taken == 0;
    });
}

bool WaitCommand::wait_removed(std::uint32_t number, std::chrono::nanoseconds limit) const {
    const auto diskseq = abi::read_attributes(number).diskseq;
    return wait_until(limit, [number, diskseq] {
        try {
            return abi::read_attributes(number).diskseq != diskseq;
        } catch (const abi::NoSuchDevice&) {
            return true;
        }
    });
}

// The device does not exist: that is what the caller waits for.
int WaitCommand::run_removed(std::chrono::nanoseconds limit) const {
    try {
        const auto number = abi::find_device(device_);
        if (!wait_removed(number, limit))
            throw Failure(timeout_text(what_, number, limit));
    } catch (const abi::NoSuchDevice&) {
    }
    return exit_success;
}

int WaitCommand::run() {
    const auto limit = timeout_.value_or(infinity);
    if (what_ == "removed")
        return run_removed(limit);
    const auto number = abi::find_device(device_);
    const bool done = what_ == "idle" ? wait_idle(number, limit) : wait_ready(number, limit);
    if (!done)
        throw Failure(timeout_text(what_, number, limit));
    return exit_success;
}

} // namespace userblk::ctl
