// SPDX-License-Identifier: MIT
#include "userblk/ctl/serve/served_device.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/ctl/command.hpp"
#include "userblk/ctl/device_use.hpp"
#include "userblk/device.hpp"
#include "userblk/device/removal.hpp"
#include "userblk/inspect/survey.hpp"
#include "userblk/store/store_lock.hpp"
#include "userblk/supervisor/supervisor_file.hpp"

#include <optional>
#include <system_error>
#include <unistd.h>

namespace userblk::ctl {

namespace {

// The first word of a note. Notes pass between builds, so the words stay as they are.
constexpr const char* keep_word = "theirs";
constexpr const char* remove_word = "ours";
constexpr const char* remove_if_alone_word = "joined";

// More processes than @p own.
bool others_serve(std::uint32_t number, unsigned own) {
    try {
        return inspect::open_node(number).info().device.servers > own;
    } catch (const std::exception&) {
        return false; // the device was removed
    }
}

std::function<bool()> is_in_use(std::uint32_t number) {
    return [number] { return !uses_of(number).empty(); };
}

void warn(const std::exception& error) {
    cli::complain(program_name, "warning: " + cli::explain(error));
}

} // namespace

std::string describe_other_supervisors(std::uint32_t number) {
    std::string text;
    for (const auto& [pid, path] : announcements_of(number))
        if (pid != ::getpid())
            text += (text.empty() ? "" : ", ") +
                    (pid > 0 ? std::to_string(pid) : "not visible from here");
    return text;
}

ServedDevice ServedDevice::from_note(std::uint32_t number, const std::string& note) {
    const auto word = note.substr(0, note.find(' '));
    return {number, word == keep_word              ? AtEnd::keep
                    : word == remove_if_alone_word ? AtEnd::remove_if_alone
                                                   : AtEnd::remove};
}

// The second word is a folder that earlier builds change to.
std::string ServedDevice::note() const {
    const auto* const word = at_end_ == AtEnd::keep     ? keep_word
                             : at_end_ == AtEnd::remove ? remove_word
                                                        : remove_if_alone_word;
    return std::string(word) + " /";
}

void ServedDevice::identify() {
    diskseq_ = Device::context_of(inspect::open_node(number_)).diskseq;
}

std::function<bool()> ServedDevice::removal_before_stop(unsigned own_workers) const {
    if (at_end_ != AtEnd::remove)
        return {};
    return [device = abi::Identity{number_, diskseq_}, own_workers,
            removal = std::optional<Removal>()]() mutable {
        if (!describe_other_supervisors(device.number).empty() ||
            others_serve(device.number, own_workers))
            return true;
        if (!removal)
            removal.emplace(device, is_in_use(device.number));
        const auto result = removal->attempt();
        // A removed device ends the pool on its own.
        return result && *result && *result != std::errc::no_such_device;
    };
}

// Empty: no other process serves the device.
std::string ServedDevice::describe_other_servers() const {
    const auto others = describe_other_supervisors(number_);
    if (!others.empty())
        return "the workers of process " + others;
    return is_served(number_) ? "workers without a supervisor" : "";
}

void ServedDevice::remove_at_end(const LogFunction& log) const {
    if (at_end_ == AtEnd::keep)
        return;
    const auto disk = abi::disk_name(number_);
    if (const auto others = describe_other_servers(); !others.empty())
        return log(LogLevel::notice, disk + " stays: it is also served by " + others);
    const auto error =
        remove_patiently(Removal({number_, diskseq_}, is_in_use(number_)), wait_for_end_signal);
    if (error == std::errc::device_or_resource_busy)
        log(LogLevel::warning,
            disk + " stays: it is in use (" + uses_text(number_) +
                "), and I/O to it blocks. Serve it again with \"userblkctl serve " + disk +
                " STORE\", or remove it with \"userblkctl remove " + disk + "\"");
    else if (error && error != std::errc::no_such_device)
        log(LogLevel::error, "unable to remove " + disk + ": " + error.message());
}

void ServedDevice::undo() const noexcept {
    if (!is_made_)
        return;
    try {
        Device::remove(number_, true, diskseq_);
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::no_such_device)
            warn(error);
    } catch (const std::exception& error) {
        warn(error);
    }
}

} // namespace userblk::ctl
