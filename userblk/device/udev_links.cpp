// SPDX-License-Identifier: MIT
#include "userblk/device/udev_links.hpp"

#include "ioctl/lookup.hpp"
#include "ioctl/nodes.hpp"
#include "userblk/units.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <thread>
#include <unistd.h>

namespace userblk {

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr const char* links_folder = "/dev/userblk/by-name/";
constexpr std::chrono::nanoseconds default_limit = 10s;
constexpr auto look_every = 20ms;
/// After udev and the device have been idle for this long, nothing more will follow.
constexpr auto idle_limit = 1s;

bool exists(const char* path) {
    return ::access(path, F_OK) == 0;
}

// A rule with another name creates the links as well, but nothing waits for them.
bool has_rule() {
    for (const std::string folder : {"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"})
        if (exists((folder + "/udev/rules.d/60-userblk.rules").c_str()))
            return true;
    return false;
}

std::chrono::nanoseconds chosen_limit() {
    const char* const text = std::getenv("USERBLK_UDEV_WAIT");
    try {
        return text != nullptr && *text != '\0' ? parse_duration(text) : default_limit;
    } catch (const std::exception&) {
        return default_limit;
    }
}

bool is_link(const std::string& path) {
    struct stat about {};
    return ::lstat(path.c_str(), &about) == 0 && S_ISLNK(about.st_mode);
}

bool leads_to(const std::string& path, dev_t device) {
    struct stat about {};
    return ::stat(path.c_str(), &about) == 0 && S_ISBLK(about.st_mode) && about.st_rdev == device;
}

// udev's record of a block device: a line per link, property and so on.
std::optional<std::string> record_of(dev_t device) {
    std::ifstream file("/run/udev/data/b" + std::to_string(major(device)) + ":" +
                       std::to_string(minor(device)));
    if (!file)
        return std::nullopt;
    return "\n" + std::string(std::istreambuf_iterator<char>(file), {}) + "\n";
}

bool has_line(const std::string& text, const std::string& line) {
    return text.find("\n" + line + "\n") != std::string::npos;
}

std::string word_in(const fs::path& path) {
    std::ifstream file(path);
    std::string word;
    file >> word;
    return word;
}

} // namespace

UdevLinks::UdevLinks(std::uint32_t number, Since since)
    : number_(number), since_(since), limit_(chosen_limit()) {
    try {
        const auto facts = abi::read_attributes(number);
        name_ = facts.name;
        diskseq_ = std::to_string(facts.diskseq);
        device_ = abi::block_number(number).value_or(0);
    } catch (const abi::NoSuchDevice&) {
        // Settled then.
    }
}

bool UdevLinks::settle(std::string complaint) {
    complaint_ = std::move(complaint);
    return settled_ = true;
}

// The first missing path; empty if there is none.
std::string UdevLinks::missing() const {
    const auto link = links_folder + name_;
    if (!name_.empty() && !leads_to(link, device_))
        return link;
    const auto record = record_of(device_).value_or("");
    // udev may still have the record of an earlier device with this number.
    if (!has_line(record, "S:disk/by-diskseq/" + diskseq_))
        return "/dev/disk/by-diskseq/" + diskseq_;
    if (since_ == Since::served && !has_line(record, "E:USERBLK_SERVED=1"))
        return "what follows from its partition table";
    return missing_of_partitions();
}

std::string UdevLinks::missing_of_partitions() const {
    const auto disk = abi::disk_name(number_);
    std::error_code error;
    for (fs::directory_iterator entry(fs::path(abi::sysfs_block) / disk, error), end;
         !error && entry != end; entry.increment(error)) {
        const auto part = word_in(entry->path() / "partition");
        if (part.empty())
            continue;
        const auto node = "/dev/" + entry->path().filename().string();
        unsigned int first = 0, second = 0;
        if (std::sscanf(word_in(entry->path() / "dev").c_str(), "%u:%u", &first, &second) != 2)
            continue;
        const auto device = makedev(first, second);
        if (!leads_to(node, device))
            return node;
        const auto link = links_folder + name_ + "-part" + part;
        if (name_.empty() ? !record_of(device) : !leads_to(link, device))
            return name_.empty() ? node : link;
    }
    return {};
}

// Whether udev is idle and has processed the device, but created no link: because its rule is of
// another version, or the link leads elsewhere.
bool UdevLinks::gave_up() {
    const auto facts = abi::read_attributes(number_);
    const bool idle =
        !exists("/run/udev/queue") && record_of(device_) && facts.queued == 0 && facts.taken == 0;
    if (!idle)
        idle_since_.reset();
    else if (!idle_since_)
        idle_since_ = Clock::now();
    return idle && Clock::now() - *idle_since_ >= idle_limit;
}

bool UdevLinks::settled() try {
    if (settled_)
        return true;
    if (!start_) {
        if (device_ == 0 || limit_ == 0ns || !exists("/run/udev/control") || !has_rule())
            return settle();
        start_ = Clock::now();
    }
    const auto path = missing();
    if (path.empty())
        return settle();
    const auto link = links_folder + name_;
    const bool blocked = !name_.empty() && exists(link.c_str()) && !is_link(link);
    if (blocked)
        return settle(link + " is " + abi::what_lies_at(link) +
                      ", which udev leaves there, and not " + abi::disk_name(number_) +
                      "; move it away, then: udevadm trigger --settle /sys/block/" +
                      abi::disk_name(number_));
    if (gave_up())
        return settle(is_link(link) && !leads_to(link, device_)
                          ? link + " is not " + abi::disk_name(number_) + " but " +
                                abi::what_lies_at(link)
                          : "");
    if (limit_ != infinity && Clock::now() - *start_ >= limit_)
        return settle("udev has not created " + path + " within " + format_duration(limit_));
    return false;
} catch (const std::exception&) { // the device is gone
    return settle();
}

void UdevLinks::wait() {
    while (!settled())
        std::this_thread::sleep_for(look_every);
}

void check_link(const std::string& name) {
    const auto link = links_folder + name;
    struct stat about {};
    if (!name.empty() && ::lstat(link.c_str(), &about) == 0 && !S_ISLNK(about.st_mode))
        throw abi::WrongNode(link + " is " + abi::what_lies_at(link) +
                             ", not a link, and udev would leave it there; move it away and try "
                             "again, or use another name");
}

} // namespace userblk
