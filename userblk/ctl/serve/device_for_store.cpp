// SPDX-License-Identifier: MIT
#include "userblk/ctl/serve/device_for_store.hpp"

#include "ioctl/lookup.hpp"
#include "ioctl/nodes.hpp"
#include "userblk/ctl/command.hpp"
#include "userblk/ctl/device_creation.hpp"
#include "userblk/ctl/store_size.hpp"
#include "userblk/inspect/node_users.hpp"
#include "userblk/inspect/survey.hpp"
#include "userblk/store/store_lock.hpp"
#include "userblk/units.hpp"

#include <stdexcept>
#include <string>

namespace userblk::ctl {

namespace {

void warn(const std::string& text) {
    cli::complain(program_name, "warning: " + text);
}

// Workers would refuse the store too, but report that only in the log.
Description describe(const BackendSpec& store, std::uint64_t size, bool read_only) {
    try {
        return store.describe(size, read_only);
    } catch (const std::invalid_argument& error) {
        throw Failure(error.what());
    }
}

// Without being asked for more, one thread serves such a store.
void check_threads(const ServeOptions& options, const BackendSpec& store,
                   const Description& description) {
    if (description.one_thread && options.asks_for_several_threads())
        throw Failure(store.text() +
                      " does not say that several connections see each other's writes; expected "
                      "--workers=1 and --threads=1, which it gets by default");
}

// Creates no device for a store of another device.
void check_unclaimed(const BackendSpec& store, const Description& description) {
    if (!store.has_size())
        return;
    DeviceContext device;
    device.size = description.size;
    device.read_only = description.read_only;
    userblk::check_unclaimed(*open_store(store.store_factory(), device));
}

void report_other_servers(std::uint32_t number) {
    const auto disk = abi::disk_name(number);
    const auto supervisors = describe_other_supervisors(number);
    const auto begin = disk + " is already served by ";
    if (!supervisors.empty())
        cli::complain(program_name,
                      begin + "the workers of process " + supervisors + "; joining them");
    const auto workers = inspect::left_behind(inspect::node_users(number));
    if (!workers.empty())
        cli::complain(program_name, begin + format_count(workers.size(), "worker") +
                                        " whose supervisor has exited (" +
                                        inspect::pids_text(workers) +
                                        "); joining them. \"userblkctl reload " + disk +
                                        "\" makes them exit once this process serves");
    else if (supervisors.empty() && is_served(number))
        cli::complain(program_name, begin +
                                        "processes without a supervisor; joining them. "
                                        "\"userblkctl info " +
                                        disk + "\" lists them");
}

// For --reuse: the device keeps its size even if a new one would have another.
void warn_of_other_size(std::uint32_t number, std::uint64_t size, const ServeOptions& options,
                        const BackendSpec& store) {
    const auto given = options.device_options().size();
    if (given == 0 && !store.has_size())
        return;
    const auto wanted = given != 0 ? given : describe(store, 0, true).size;
    const auto text = [](std::uint64_t bytes) {
        return format_size(bytes) + " (" + std::to_string(bytes) + " bytes)";
    };
    // Ignores less than a block.
    if (wanted / USERBLK_MAX_BLOCK_SIZE == size / USERBLK_MAX_BLOCK_SIZE)
        return;
    warn(abi::disk_name(number) + " keeps its size, " + text(size) + ", but " +
         (given != 0 ? "--size is " : store.text() + " has ") + text(wanted) +
         "; to change it: userblkctl resize " + abi::disk_name(number) + " " +
         (given != 0                                ? std::to_string(given)
          : store.kind() == BackendSpec::Kind::file ? "file:" + store.argument()
                                                    : store.argument()));
}

ServedDevice find_device(const ServeOptions& options, const BackendSpec& store) {
    using AtEnd = ServedDevice::AtEnd;
    const auto number = abi::find_device(options.device());
    const auto size = check_device_suits(number, options, store);
    if (options.creates())
        warn_of_other_size(number, size, options, store);
    const bool has_others = !describe_other_supervisors(number).empty() || is_served(number);
    report_other_servers(number);
    if (const auto fault = abi::block_node_fault(number); fault && !fault->missing)
        warn(fault->what + "; " + fault->mend);
    if (!options.creates() || options.keeps())
        return {number, AtEnd::keep};
    return {number, has_others ? AtEnd::remove_if_alone : AtEnd::remove};
}

// As large as the file, in whole blocks.
Device make_device_of_store_size(const ServeOptions& options, const BackendSpec& store,
                                 DeviceConfig base) {
    const auto& wanted = options.device_options();
    const auto block_size = wanted.block_size(base.logical_block_size);
    const auto bytes = bytes_of_store(store);
    try {
        base.size = size_in_blocks(store, bytes, block_size);
    } catch (const std::invalid_argument& error) {
        throw Failure(error.what());
    }
    const auto config = wanted.apply(std::move(base));
    warn_of_partial_block(store, bytes, block_size);
    return create_device(config);
}

ServedDevice make_device(const ServeOptions& options, const BackendSpec& store) {
    const auto& wanted = options.device_options();
    if (!store.has_size() && wanted.size() == 0)
        throw UsageError("--size is missing; " + store.text() + " has none of its own");
    const auto description = describe_store_of_new_device(options, store);
    if (!options.shares())
        check_unclaimed(store, description);
    auto base = DeviceConfig::for_backend(description);
    if (options.redirects())
        base.redirect = true;
    const auto device = wanted.size() == 0
                            ? make_device_of_store_size(options, store, std::move(base))
                            : create_device(wanted.apply(std::move(base)));
    return {device.number(),
            options.keeps() ? ServedDevice::AtEnd::keep : ServedDevice::AtEnd::remove,
            device.context().diskseq};
}

} // namespace

Description describe_store_of_new_device(const ServeOptions& options, const BackendSpec& store) {
    const auto description =
        describe(store, options.device_options().size(), options.device_options().read_only());
    check_threads(options, store, description);
    return description;
}

std::uint64_t check_device_suits(std::uint32_t number, const ServeOptions& options,
                                 const BackendSpec& store) {
    const auto config = inspect::open_node(number).info().device.config;
    const bool read_only = (config.flags & USERBLK_F_READ_ONLY) != 0;
    if (options.redirects() && (config.flags & USERBLK_F_REDIRECT) == 0)
        throw Failure(abi::disk_name(number) +
                      " does not allow redirected requests; drop --redirect, or create the device "
                      "with --allow-redirect");
    const auto description = describe(store, config.size, read_only);
    check_threads(options, store, description);
    if (description.read_only && !read_only)
        throw Failure(store.text() + " is read-only, but " + abi::disk_name(number) +
                      " is not, and its writes would fail; drop readonly, or create the device "
                      "with --read-only");
    return config.size;
}

ServedDevice device_for_store(const ServeOptions& options, const BackendSpec& store) {
    if (!options.creates())
        return find_device(options, store);
    if (options.reuses()) {
        try {
            return find_device(options, store);
        } catch (const abi::NoSuchDevice&) {
            // Create it below.
        }
    }
    return make_device(options, store);
}

} // namespace userblk::ctl
