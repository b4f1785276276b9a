// SPDX-License-Identifier: MIT
#include "userblk/ctl/device_facts.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/printable.hpp"
#include "userblk/units.hpp"

#include <Poco/JSON/Stringifier.h>
#include <cstdio>
#include <grp.h>
#include <ostream>
#include <pwd.h>

namespace userblk::ctl {

namespace {

constexpr unsigned json_indent = 2;
// With numbers in place of all that is not ASCII, control characters above it
// among them: the text is harmless on a terminal.
constexpr int json_options = Poco::JSON_WRAP_STRINGS | Poco::JSON_ESCAPE_UNICODE;

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

std::string size_or_none(std::uint64_t size) {
    return size == 0 ? "none" : format_size(size);
}

} // namespace

Poco::JSON::Object::Ptr json_object() {
    return new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

void print_json(std::ostream& out, const Poco::Dynamic::Var& value) {
    Poco::JSON::Stringifier::stringify(value, out, json_indent, -1, json_options);
    out << std::endl;
}

void print_json_line(std::ostream& out, const Poco::Dynamic::Var& value) {
    Poco::JSON::Stringifier::stringify(value, out, 0, -1, json_options);
    out << std::endl;
}

Poco::Dynamic::Var json_text(const std::string& text) {
    return well_formed(text);
}

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

Poco::JSON::Object::Ptr config_json(const userblk_config& config) {
    auto json = json_object();
    json->set("number", config.number);
    json->set("device", abi::disk_name(config.number));
    json->set("path", abi::block_path(config.number));
    json->set("control", abi::control_path(config.number));
    json->set("name", std::string(config.name));
    json->set("size", Poco::UInt64(config.size));
    Poco::JSON::Array features;
    for (const auto& name : feature_names(config.flags))
        features.add(name);
    json->set("features", features);
    json->set("logical_block_size", config.logical_block_size);
    json->set("physical_block_size", config.physical_block_size);
    json->set("io_min", config.io_min);
    json->set("io_opt", config.io_opt);
    json->set("max_transfer", config.max_transfer);
    json->set("chunk_size", config.chunk_size);
    json->set("discard_granularity", config.discard_granularity);
    json->set("queues", config.queues);
    json->set("depth", config.depth);
    json->set("queue_limit_ns", Poco::UInt64(config.queue_limit_ns));
    json->set("delivery_limit", config.delivery_limit);
    json->set("uid", config.uid);
    json->set("gid", config.gid);
    json->set("mode", mode_text(config.mode));
    return json;
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
        {"Queues", std::to_string(config.queues) + " of " + counted(config.depth, "request")},
        {"Queue limit", limit(config.queue_limit_ns,
                              format_duration(std::chrono::nanoseconds(config.queue_limit_ns)))},
        {"Delivery limit", limit(config.delivery_limit, std::to_string(config.delivery_limit))},
        {"Control node", abi::control_path(config.number) + ", " + user_name(config.uid) + ":" +
                             group_name(config.gid) + " " + mode_text(config.mode)},
    };
}

const std::vector<Counter>& counters() {
    static const std::vector<Counter> all = {
        {"reads", &userblk_info::reads, "READS/s", 1},
        {"writes", &userblk_info::writes, "WRITES/s", 3},
        {"flushes", &userblk_info::flushes, "FLUSHES/s", 8},
        {"discards", &userblk_info::discards, "DISCARDS/s", 9},
        {"write_zeroes", &userblk_info::write_zeroes, "ZEROES/s", 10},
        {"bytes_read", &userblk_info::bytes_read, "READ/s", 2},
        {"bytes_written", &userblk_info::bytes_written, "WRITTEN/s", 4},
        {"errors", &userblk_info::errors, "ERRORS/s", 5},
        {"gets", &userblk_info::gets},
        {"resets", &userblk_info::resets},
        {"put_back", &userblk_info::put_back, "PUT-BACK/s", 6},
        {"given_back", &userblk_info::given_back},
        {"stale", &userblk_info::stale, "STALE/s", 7},
        {"expired", &userblk_info::expired},
        {"exhausted", &userblk_info::exhausted},
        {"redirects", &userblk_info::redirects, "REDIRECTS/s", 11},
    };
    return all;
}

} // namespace userblk::ctl
