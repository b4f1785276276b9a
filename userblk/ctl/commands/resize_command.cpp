// SPDX-License-Identifier: MIT
#include "userblk/ctl/commands/resize_command.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/backend_spec.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/config_check.hpp"
#include "userblk/ctl/device_use.hpp"
#include "userblk/ctl/format/service_state.hpp"
#include "userblk/inspect/survey.hpp"
#include "userblk/units.hpp"

#include <optional>

namespace userblk::ctl {

namespace {

bool is_store(const std::string& text) {
    return text.find(':') != std::string::npos;
}

// "2G", or the current size of a store, in whole blocks.
std::uint64_t wanted_size(const std::string& text, std::uint32_t block_size) {
    try {
        if (!is_store(text))
            return parse_size(text);
        const auto store = BackendSpec::parse(text);
        if (store.kind() != BackendSpec::Kind::file)
            throw std::invalid_argument(text + " has no size of its own; give a size");
        return store.describe(0, true).size / block_size * block_size;
    } catch (const std::invalid_argument& error) {
        throw UsageError(std::string("SIZE: ") + error.what());
    }
}

// The size of a store's file; nothing if the store is no file, or not visible from here.
std::optional<std::uint64_t> size_of_store(const std::string& text) {
    try {
        const auto store = BackendSpec::parse(text);
        if (store.kind() == BackendSpec::Kind::file)
            return store.describe(0, true).size;
    } catch (const std::exception&) {
        // The servers may be elsewhere, or use a store unknown to this program.
    }
    return std::nullopt;
}

// A store smaller than the new size of the device; empty if there is none.
std::string too_small_store(std::uint32_t number, std::uint64_t size) {
    const auto diskseq = abi::read_attributes(number).diskseq;
    for (const auto& store : stores_of(serving_records(number, diskseq)))
        if (const auto has = size_of_store(store); has && *has < size)
            return store + " is only " + format_size(*has) + " (" + std::to_string(*has) +
                   " bytes) large";
    return {};
}

} // namespace

std::string ResizeCommand::details() const {
    return "Only the device changes. To grow, extend the store first (truncate -s 2G PATH; mem: "
           "and null: grow on their own), then the device, then the file system. To shrink, "
           "reverse the order.";
}

void ResizeCommand::declare(CommandLine& line) {
    line.argument("DEV", device_, dev_help);
    line.argument("SIZE", size_, "The new size (2G), or file:PATH: the current size of this file");
    line.flag("-f,--force", force_,
              "Allow shrinking a device in use, or growing it beyond its store");
}

int ResizeCommand::run() {
    const auto number = abi::find_device(device_);
    const auto node = inspect::open_node(number);
    const auto info = node.info().device;
    const auto size = wanted_size(size_, info.config.logical_block_size);
    check_size(size, info.config.logical_block_size, "SIZE");
    if (size < info.config.size && info.openers > 0 && !force_)
        throw Failure(abi::disk_name(number) + " is in use (" + uses_text(number) +
                      ") and would lose its last " + format_size(info.config.size - size) +
                      "; make sure that nothing is there and use --force");
    const auto small = size > info.config.size && !force_ ? too_small_store(number, size) : "";
    if (!small.empty())
        throw Failure(abi::disk_name(number) + " cannot be " + format_size(size) + " (" +
                      std::to_string(size) + " bytes) large: " + small +
                      ", and I/O beyond that would fail; extend it first (truncate), or use "
                      "--force");
    try {
        node.resize(size);
    } catch (const std::system_error& error) {
        if (error.code() == std::errc::file_too_large)
            throw Failure(format_size(size) + " is larger than this kernel's block layer supports");
        throw;
    }
    return exit_success;
}

} // namespace userblk::ctl
