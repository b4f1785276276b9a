// SPDX-License-Identifier: MIT
#include "userblk/ctl/format/device_facts.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/backend.hpp"
#include "userblk/cli/json.hpp"
#include "userblk/inspect/survey.hpp"
#include "userblk/units.hpp"

#include <cstdio>
#include <grp.h>
#include <pwd.h>

namespace userblk::ctl {

namespace {

std::string mode_text(std::uint32_t mode) {
    char text[8];
    std::snprintf(text, sizeof text, "%04o", mode & 0777U);
    return text;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words)
        text += (text.empty() ? "" : ", ") + word;
    return text.empty() ? "none" : text;
}

// What it means for the requests of a worker that dies.
std::string store_class_text(const userblk_config& config) {
    const auto store_class = static_cast<StoreClass>(config.store_class);
    const std::string name = store_class_name(store_class);
    if (store_class == StoreClass::process)
        return name + ": what dead workers held is put back at once";
    if (store_class == StoreClass::fenced)
        return name + ": what dead workers held is put back once the store was fenced from them";
    if (config.store_wait_ns == 0)
        return name + ": what dead workers held is put back by userblkctl reset --force alone";
    return name + ": what dead workers held is put back " +
           format_duration(std::chrono::nanoseconds(config.store_wait_ns)) + " after their death";
}

std::string size_or_none(std::uint64_t size) {
    return size == 0 ? "none" : format_size(size);
}

} // namespace

std::vector<std::string> feature_names(std::uint64_t flags) {
    static constexpr std::pair<std::uint64_t, const char*> names[] = {
        {USERBLK_F_READ_ONLY, "read-only"},
        {USERBLK_F_ROTATIONAL, "rotational"},
        {USERBLK_F_CACHE, "cache"},
        {USERBLK_F_FUA, "fua"},
        {USERBLK_F_DISCARD, "discard"},
        {USERBLK_F_WRITE_ZEROES, "write-zeroes"},
        {USERBLK_F_STABLE_WRITES, "stable-writes"},
        {USERBLK_F_NO_PARTITIONS, "no-partitions"},
        {USERBLK_F_REDIRECT, "redirect"},
        {USERBLK_F_NO_REDIRECT, "no-redirect"}};
    std::vector<std::string> result;
    for (const auto& [flag, name] : names)
        if ((flags & flag) != 0)
            result.emplace_back(name);
    return result;
}

std::string user_name(uid_t uid) {
    const passwd* user = ::getpwuid(uid);
    return user != nullptr ? user->pw_name : std::to_string(uid);
}

std::string group_name(gid_t gid) {
    const ::group* found = ::getgrgid(gid);
    return found != nullptr ? found->gr_name : std::to_string(gid);
}

void write(cli::JsonWriter& json, const userblk_config& config) {
    inspect::write_identity(json, config.number, config.name);
    json.member("path", abi::block_path(config.number))
        .member("control", abi::control_path(config.number))
        .member("size", config.size)
        .member("features", feature_names(config.flags))
        .member("logical_block_size", config.logical_block_size)
        .member("physical_block_size", config.physical_block_size)
        .member("io_min", config.io_min)
        .member("io_opt", config.io_opt)
        .member("max_transfer", config.max_transfer)
        .member("chunk_size", config.chunk_size)
        .member("discard_granularity", config.discard_granularity)
        .member("queues", config.queues)
        .member("depth", config.depth)
        .member("queue_limit_ns", config.queue_limit_ns)
        .member("delivery_limit", config.delivery_limit)
        .member("store_class", store_class_name(static_cast<StoreClass>(config.store_class)))
        .member("store_wait_ns", config.store_wait_ns)
        .member("uid", config.uid)
        .member("gid", config.gid)
        .member("mode", mode_text(config.mode));
}

std::vector<std::pair<std::string, std::string>> config_lines(const userblk_config& config) {
    const auto limit = [](std::uint64_t value, const std::string& text) {
        return value == 0 ? std::string("none") : text;
    };
    return {
        {"Name", config.name[0] == '\0' ? "-" : config.name},
        {"Size", format_size(config.size) + " (" + std::to_string(config.size) + " bytes)"},
        {"Features", joined(feature_names(config.flags))},
        {"Block size", std::to_string(config.logical_block_size) + " logical, " +
                           std::to_string(config.physical_block_size) + " physical"},
        {"Preferred I/O",
         "at least " + format_size(config.io_min) + ", large " + size_or_none(config.io_opt)},
        {"Largest transfer", format_size(config.max_transfer)},
        {"Chunk size", size_or_none(config.chunk_size)},
        {"Discard granularity", size_or_none(config.discard_granularity)},
        {"Queues", std::to_string(config.queues) + " of " + format_count(config.depth, "request")},
        {"Queue limit", limit(config.queue_limit_ns,
                              format_duration(std::chrono::nanoseconds(config.queue_limit_ns)))},
        {"Delivery limit", limit(config.delivery_limit, std::to_string(config.delivery_limit))},
        {"Store class", store_class_text(config)},
        {"Control node", abi::control_path(config.number) + ", " + user_name(config.uid) + ":" +
                             group_name(config.gid) + " " + mode_text(config.mode)},
    };
}

} // namespace userblk::ctl
