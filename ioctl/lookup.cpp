// SPDX-License-Identifier: MIT
#include "ioctl/lookup.hpp"

#include "ioctl/node_lookup.hpp"
#include "ioctl/userblk_ioctl.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>

namespace userblk::abi {

namespace {

constexpr std::string_view disk_prefix = "userblk";
constexpr unsigned sector = 512; // the unit of sysfs's "size"

// Decimal digits without leading zeros, as the kernel prints them: "007" is a
// name, not a number.
std::optional<std::uint32_t> parse_number(std::string_view text) noexcept {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
    if (error != std::errc() || end != text.end() || number >= USERBLK_MAX_DEVICES ||
        (text.size() > 1 && text.front() == '0'))
        return std::nullopt;
    return number;
}

std::optional<std::uint32_t> number_after(std::string_view prefix, std::string_view text) noexcept {
    if (!text.starts_with(prefix))
        return std::nullopt;
    return parse_number(text.substr(prefix.size()));
}

// The first line of a file, without its newline; nothing if it cannot be read.
std::optional<std::string> read_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    if (!file)
        return std::nullopt;
    std::getline(file, line);
    if (file.bad())
        return std::nullopt;
    return line;
}

std::optional<std::uint64_t> find_count(const std::string& path) {
    const auto line = read_line(path);
    if (!line)
        return std::nullopt;
    std::uint64_t value = 0;
    std::from_chars(line->data(), line->data() + line->size(), value);
    return value;
}

std::uint64_t read_count(const std::string& path) {
    return find_count(path).value_or(0);
}

// The configured size; the disk's own size is 0 until first served. An older module
// shows only the disk's, which is never 0 there.
std::uint64_t read_size(const std::string& disk) {
    return find_count(disk + "/userblk/size").value_or(read_count(disk + "/size") * sector);
}

std::string folder_of(std::uint32_t number, const std::string& sysfs) {
    return sysfs + "/" + disk_name(number);
}

// /sys is not mounted: fall back to the nodes.
bool is_missing(const std::string& sysfs) {
    std::error_code ignored;
    return sysfs == sysfs_block && !std::filesystem::exists(sysfs, ignored);
}

bool exists(std::uint32_t number, const std::string& sysfs) {
    std::error_code ignored;
    return std::filesystem::exists(folder_of(number, sysfs), ignored) ||
           (is_missing(sysfs) && has_node(number));
}

std::optional<std::string> find_name(std::uint32_t number, const std::string& sysfs) {
    if (is_missing(sysfs))
        if (const auto info = ask_node(number))
            return info->config.name;
    return read_line(folder_of(number, sysfs) + "/userblk/name");
}

} // namespace

std::optional<std::uint32_t> parse_device(std::string_view dev) noexcept {
    for (const std::string_view prefix : {"/dev/userblkc", "/dev/userblk", "userblk", ""})
        if (const auto number = number_after(prefix, dev))
            return number;
    return std::nullopt;
}

std::uint32_t find_device(std::string_view dev, const std::string& sysfs) {
    if (const auto number = parse_device(dev)) {
        if (exists(*number, sysfs))
            return *number;
        throw NoSuchDevice("no such device: " + disk_name(*number));
    }
    if (!dev.empty())
        for (const auto number : device_numbers(sysfs))
            if (find_name(number, sysfs) == dev)
                return number;
    throw NoSuchDevice("no such device: \"" + std::string(dev) +
                       "\"; expected a number, userblkN, /dev/userblkN, /dev/userblkcN, or "
                       "the name given at creation");
}

Identity identify_device(std::string_view dev, const std::string& sysfs) {
    // If the number still names this device after the read, the diskseq is its own.
    for (;;) {
        const auto number = find_device(dev, sysfs);
        const auto diskseq = read_count(folder_of(number, sysfs) + "/diskseq");
        if (find_device(dev, sysfs) == number)
            return {number, diskseq};
    }
}

std::vector<std::uint32_t> device_numbers(const std::string& sysfs) {
    if (is_missing(sysfs))
        return node_numbers();
    std::vector<std::uint32_t> numbers;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(sysfs, error), end; !error && entry != end;
         entry.increment(error))
        if (const auto number = number_after(disk_prefix, entry->path().filename().native()))
            numbers.push_back(*number);
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

std::string disk_name(std::uint32_t number) {
    return "userblk" + std::to_string(number);
}

std::string block_path(std::uint32_t number) {
    return "/dev/" + disk_name(number);
}

std::string control_path(std::uint32_t number) {
    return "/dev/userblkc" + std::to_string(number);
}

Attributes read_attributes(std::uint32_t number, const std::string& sysfs) {
    const std::string disk = folder_of(number, sysfs);
    const std::string own = disk + "/userblk/";
    const auto state = read_line(own + "state");
    if (!state && is_missing(sysfs))
        if (const auto info = ask_node(number))
            return attributes_of(*info);
    if (!state)
        throw NoSuchDevice("no such device: " + disk_name(number));
    Attributes attributes;
    attributes.state = *state;
    if (read_line(own + "servers"))
        attributes.servers = static_cast<std::uint32_t>(read_count(own + "servers"));
    attributes.unserved = std::chrono::milliseconds(read_count(own + "unserved_ms"));
    attributes.name = read_line(own + "name").value_or("");
    attributes.size = read_size(disk);
    attributes.diskseq = read_count(disk + "/diskseq");
    attributes.read_only = read_count(disk + "/ro") != 0;
    attributes.store_class = read_line(own + "store_class").value_or("process");
    attributes.queued = read_count(own + "queued");
    attributes.taken = read_count(own + "taken");
    attributes.orphaned = read_count(own + "orphaned");
    attributes.oldest_queued = std::chrono::milliseconds(read_count(own + "oldest_queued_ms"));
    attributes.oldest_taken = std::chrono::milliseconds(read_count(own + "oldest_taken_ms"));
    attributes.completed = read_count(own + "completed");
    attributes.errors = read_count(own + "errors");
    attributes.resets = read_count(own + "resets");
    attributes.stale = read_count(own + "stale");
    return attributes;
}

} // namespace userblk::abi
