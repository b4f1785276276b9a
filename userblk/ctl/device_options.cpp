// SPDX-License-Identifier: MIT
#include "userblk/ctl/device_options.hpp"

#include "userblk/ctl/command.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/config_check.hpp"
#include "userblk/units.hpp"

#include <charconv>
#include <grp.h>
#include <limits>
#include <pwd.h>
#include <stdexcept>
#include <string_view>
#include <tuple>

namespace userblk::ctl {

namespace {

constexpr mode_t group_mode = 0660;

std::optional<std::uint32_t> as_number(const std::string& text, int base = 10) {
    std::uint32_t value = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc() || rest != text.data() + text.size())
        return std::nullopt;
    return value;
}

mode_t parse_mode(const std::string& text) {
    const auto mode = as_number(text, 8);
    if (!mode || *mode == 0 || *mode > 0777)
        throw std::invalid_argument("invalid mode \"" + text +
                                    "\"; expected an octal number up to 0777, such as 0660");
    return *mode;
}

// Overwrites a value of a DeviceConfig if one was given.
template <typename T, typename U>
void replace_if_given(const std::optional<T>& given, U& over) {
    if (given)
        over = *given;
}

} // namespace

std::pair<StoreClass, std::chrono::nanoseconds> parse_store_class(const std::string& text) {
    constexpr std::string_view wait = "wait:";
    for (const auto known : {StoreClass::process, StoreClass::fenced, StoreClass::unfenced})
        if (text == store_class_name(known))
            return {known, {}};
    if (!text.starts_with(wait))
        throw std::invalid_argument("invalid store class \"" + text +
                                    "\"; expected process, fenced, unfenced or wait:TIME");
    const auto time = parse_duration(text.substr(wait.size()));
    if (time == infinity || time.count() == 0)
        throw std::invalid_argument("\"" + text +
                                    "\": expected a time such as wait:30s; for no time that is "
                                    "long enough, unfenced");
    return {StoreClass::unfenced, time};
}

uid_t user_number(const std::string& text) {
    if (const passwd* user = ::getpwnam(text.c_str()))
        return user->pw_uid;
    if (const auto number = as_number(text))
        return *number;
    throw std::invalid_argument("no user \"" + text + "\"");
}

gid_t group_number(const std::string& text) {
    if (const ::group* found = ::getgrnam(text.c_str()))
        return found->gr_gid;
    if (const auto number = as_number(text))
        return *number;
    throw std::invalid_argument("no group \"" + text + "\"");
}

void DeviceOptions::declare_geometry(CommandLine& line) {
    line.group("Sizes");
    line.size("-s,--size", size_, "The device's size (1G), a multiple of the block size");
    line.size("-b,--block-size", block_size_, "Logical block size: 512 (default) to 4K");
    line.size("--physical-block-size", physical_block_size_,
              "A power of two from the block size to 1M; default 4K");
    line.size("--io-min", io_min_,
              "Preferred smallest I/O, a multiple of the physical block size, its default");
    line.size("--io-opt", io_opt_,
              "Preferred large I/O, a multiple of the physical block size; default none");
    line.size("--max-transfer", max_transfer_,
              "Largest payload of a request, a power of two from 4K to 4M; default 512K");
    line.size("--chunk-size", chunk_size_,
              "No request crosses a multiple of it; a power of two from 4K to 1G; default none");
    line.number<std::uint32_t>("-q,--queues", queues_, 1, USERBLK_MAX_QUEUES,
                               "Hardware queues; default 1, at most one per processor");
    line.number<std::uint32_t>("-d,--depth", depth_, 1, USERBLK_MAX_DEPTH,
                               "Requests in flight per queue; default 128");
}

void DeviceOptions::declare_features(CommandLine& line) {
    line.group("Features");
    line.flag("-r,--read-only", read_only_, "Refuse writes");
    line.flag("--rotational", rotational_, "Report that seeks cost time");
    line.flag("--no-cache", no_cache_,
              "Acknowledged data is on stable storage: the kernel sends neither flushes nor FUA");
    line.flag("--no-fua", no_fua_, "Send a flush after a write instead of FUA");
    line.flag("--no-discard", no_discard_, "Do not offer discard");
    line.size("--discard-granularity", discard_granularity_,
              "A power of two from the block size to 2G; default the block size");
    line.flag("--no-write-zeroes", no_write_zeroes_, "Do not offer to write zeros as a range");
    line.flag("--stable-writes", stable_writes_,
              "Data must not change while it is written (for checksums)");
    line.flag("--no-partitions", no_partitions_,
              "Do not read a partition table; for untrusted images");
    line.flag("--allow-redirect", allow_redirect_,
              "Let the kernel carry out requests on files that workers have open; the default if "
              "only root may open the control node");
    line.flag("--no-redirect", no_redirect_, "Do not allow that");
    line.group("Limits");
    line.time("--queue-limit", queue_limit_,
              "Requests queued longer (30s, 2min) fail; default: no limit");
    line.number<std::uint32_t>("--delivery-limit", delivery_limit_, 0,
                               std::numeric_limits<std::uint32_t>::max(),
                               "A request that would be delivered more often, because its workers "
                               "died, fails; default 0: no limit");
    line.parsed(
        "--store-class", "CLASS",
        [this](const std::string& text) {
            std::tie(store_class_, store_wait_) = parse_store_class(text);
        },
        "When the writes of a dead worker to the store have ended: with the \"process\" (default); "
        "once the store was \"fenced\"; nobody can tell, \"unfenced\"; or \"wait:TIME\" after its "
        "death. Only then are its requests put back");
}

void DeviceOptions::declare_node(CommandLine& line) {
    line.group("Names and permissions");
    line.parsed(
        "-n,--name", "NAME",
        [this](const std::string& text) {
            if (text.empty())
                throw std::invalid_argument("a name has at least one letter; for a device without "
                                            "a name, omit --name");
            name_ = text;
        },
        "A name, for DEV and for /dev/userblk/by-name/");
    line.number<std::uint32_t>("--number", number_, 0, USERBLK_MAX_DEVICES - 1,
                               "N of /dev/userblkN; default: the lowest free one");
    line.parsed(
        "--owner", "USER", [this](const std::string& text) { owner_ = user_number(text); },
        "Owner of the control node: the user who may serve the device; default root");
    line.parsed(
        "--group", "GROUP", [this](const std::string& text) { group_ = group_number(text); },
        "The control node's group; default root");
    line.parsed(
        "--mode", "MODE", [this](const std::string& text) { mode_ = parse_mode(text); },
        "The control node's permissions in octal; default 0600, with --group 0660");
}

void DeviceOptions::declare(CommandLine& line) {
    declare_geometry(line);
    declare_features(line);
    declare_node(line);
}

void DeviceOptions::check_size_given() const {
    if (size_ == std::uint64_t(0))
        check_size(0, block_size_.value_or(0), "--size");
}

DeviceConfig DeviceOptions::apply(DeviceConfig base) const {
    auto config = std::move(base);
    replace_if_given(size_, config.size);
    config.name = name_;
    config.number = number_;
    replace_if_given(queues_, config.queues);
    replace_if_given(depth_, config.depth);
    replace_if_given(block_size_, config.logical_block_size);
    replace_if_given(physical_block_size_, config.physical_block_size);
    replace_if_given(io_min_, config.io_min);
    replace_if_given(io_opt_, config.io_opt);
    replace_if_given(max_transfer_, config.max_transfer);
    replace_if_given(chunk_size_, config.chunk_size);
    config.read_only |= read_only_;
    config.rotational |= rotational_;
    config.stable_writes |= stable_writes_;
    config.cache &= !no_cache_;
    config.fua &= config.cache && !no_fua_;
    config.discard &= !no_discard_;
    config.write_zeroes &= !no_write_zeroes_;
    config.partitions &= !no_partitions_;
    if (allow_redirect_ && no_redirect_)
        throw UsageError("--allow-redirect and --no-redirect exclude each other");
    if (allow_redirect_ || no_redirect_)
        config.redirect = allow_redirect_;
    if (!config.discard)
        config.discard_granularity = 0;
    replace_if_given(discard_granularity_, config.discard_granularity);
    if (queue_limit_ && *queue_limit_ != infinity)
        config.queue_limit = *queue_limit_;
    replace_if_given(delivery_limit_, config.delivery_limit);
    if (store_class_) {
        config.store_class = *store_class_;
        config.store_wait = store_wait_;
    }
    replace_if_given(owner_, config.owner);
    replace_if_given(group_, config.group);
    config.mode = mode_.value_or(group_ ? group_mode : 0);
    check_config(config);
    return config;
}

} // namespace userblk::ctl
