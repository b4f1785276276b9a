// SPDX-License-Identifier: MIT
#include "userblk/ctl/commands/resize_command.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/backend_spec.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/config_check.hpp"
#include "userblk/ctl/device_use.hpp"
#include "userblk/ctl/format/service_state.hpp"
#include "userblk/ctl/store_size.hpp"
#include "userblk/inspect/survey.hpp"
#include "userblk/units.hpp"

#include <optional>
#include <stdexcept>

namespace userblk::ctl {

namespace {

bool is_store(const std::string& text) {
    return text.find(':') != std::string::npos;
}

struct WantedSize {
    std::uint64_t size = 0;
    std::optional<BackendSpec> store; ///< whose size it is; nothing: a number was given
    std::uint64_t store_bytes = 0;
};

// "2G", or the current size of a store, in whole blocks.
WantedSize wanted_size(const std::string& text, std::uint32_t block_size) {
    try {
        WantedSize wanted;
        if (is_store(text)) {
            wanted.store = BackendSpec::parse(text);
            wanted.store_bytes = bytes_of_store(*wanted.store);
            wanted.size = size_in_blocks(*wanted.store, wanted.store_bytes, block_size);
        } else {
            wanted.size = parse_size(text);
        }
        check_size(wanted.size, block_size, "SIZE");
        return wanted;
    } catch (const std::invalid_argument& error) {
        throw UsageError(std::string("SIZE: ") + error.what());
    }
}

// The size of a store's file; nothing if the store is no file, or not visible from here.
std::optional<std::uint64_t> size_of_store(const std::string& text) {
    try {
        const auto store = BackendSpec::parse(text);
        if (store.has_size())
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
            return store + " has only " + format_size(*has) + " (" + std::to_string(*has) +
                   " bytes)";
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
    const auto block_size = info.config.logical_block_size;
    const auto wanted = wanted_size(size_, block_size);
    const auto size = wanted.size;
    if (size < info.config.size && info.openers > 0 && !force_)
        throw Failure(abi::disk_name(number) + " is in use (" + uses_text(number) +
                      ") and would lose its last " + format_size(info.config.size - size) +
                      "; make sure that nothing is stored there, and use --force");
    const auto small = size > info.config.size && !force_ ? too_small_store(number, size) : "";
    if (!small.empty())
        throw Failure(abi::disk_name(number) + " cannot have " + format_size(size) + " (" +
                      std::to_string(size) + " bytes): " + small +
                      ", and I/O beyond that would fail; extend the store first (truncate), or use "
                      "--force");
    try {
        node.resize(size);
    } catch (const std::system_error& error) {
        if (error.code() == std::errc::file_too_large)
            throw Failure(format_size(size) + " is larger than this kernel's block layer supports");
        throw;
    }
    if (wanted.store)
        warn_of_partial_block(*wanted.store, wanted.store_bytes, block_size);
    return exit_success;
}

} // namespace userblk::ctl
