// SPDX-License-Identifier: MIT
#include "userblk/ctl/device_use.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/ctl/command.hpp"
#include "userblk/ctl/kernel_module.hpp"
#include "userblk/device.hpp"
#include "userblk/device/removal.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <libmount/libmount.h>
#include <memory>
#include <sys/sysmacros.h>
#include <thread>

namespace userblk::ctl {

namespace {

namespace fs = std::filesystem;

std::string read_word(const fs::path& path) {
    std::ifstream file(path);
    std::string word;
    file >> word;
    return word;
}

// From "259:0".
dev_t device_number(const std::string& text) {
    unsigned major = 0, minor = 0;
    std::sscanf(text.c_str(), "%u:%u", &major, &minor);
    return makedev(major, minor);
}

std::vector<fs::path> entries_of(const fs::path& folder) {
    std::vector<fs::path> entries;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        entries.push_back(entry->path());
    std::sort(entries.begin(), entries.end());
    return entries;
}

// The sysfs directories of the disk and its partitions.
std::vector<fs::path> parts_of(std::uint32_t number) {
    const auto disk = abi::disk_name(number);
    const auto folder = fs::path(abi::sysfs_block) / disk;
    std::vector<fs::path> parts = {folder};
    for (const auto& entry : entries_of(folder))
        if (entry.filename().string().starts_with(disk + "p"))
            parts.push_back(entry);
    return parts;
}

struct Unref {
    void operator()(libmnt_table* table) const noexcept { ::mnt_unref_table(table); }
    void operator()(libmnt_iter* entries) const noexcept { ::mnt_free_iter(entries); }
};

// Calls @p look with each entry. A table that cannot be read, as where /proc is not mounted, has
// none.
template <typename Look>
void each_entry(libmnt_table* table, Look look) {
    const std::unique_ptr<libmnt_iter, Unref> entries(::mnt_new_iter(MNT_ITER_FORWARD));
    libmnt_fs* entry = nullptr;
    while (table != nullptr && entries && ::mnt_table_next_fs(table, entries.get(), &entry) == 0)
        look(entry);
}

std::string text_or_empty(const char* text) {
    return text != nullptr ? text : "";
}

} // namespace

std::vector<std::string> mount_points(const std::vector<dev_t>& devices,
                                      const std::string& mountinfo) {
    const std::unique_ptr<libmnt_table, Unref> table(::mnt_new_table_from_file(mountinfo.c_str()));
    std::vector<std::string> points;
    each_entry(table.get(), [&](libmnt_fs* entry) {
        if (std::find(devices.begin(), devices.end(), ::mnt_fs_get_devno(entry)) != devices.end())
            points.emplace_back(text_or_empty(::mnt_fs_get_target(entry)));
    });
    return points;
}

std::vector<std::string> swap_devices(const std::string& swaps) {
    const std::unique_ptr<libmnt_table, Unref> table(::mnt_new_table());
    std::vector<std::string> devices;
    if (table && ::mnt_table_parse_swaps(table.get(), swaps.c_str()) == 0)
        each_entry(table.get(), [&](libmnt_fs* entry) {
            devices.emplace_back(text_or_empty(::mnt_fs_get_source(entry)));
        });
    return devices;
}

std::vector<std::string> uses_of(std::uint32_t number) {
    std::vector<dev_t> devices;
    std::vector<std::string> uses;
    const auto swaps = swap_devices();
    for (const auto& part : parts_of(number)) {
        devices.push_back(device_number(read_word(part / "dev")));
        if (std::find(swaps.begin(), swaps.end(), "/dev/" + part.filename().string()) !=
            swaps.end())
            uses.emplace_back("used as swap space");
        for (const auto& holder : entries_of(part / "holders"))
            uses.push_back("used by " + holder.filename().string());
    }
    for (const auto& point : mount_points(devices))
        uses.push_back("mounted on " + point);
    return uses;
}

std::string uses_text(std::uint32_t number) {
    std::string text;
    for (const auto& use : uses_of(number))
        text += (text.empty() ? "" : ", ") + use;
    return text.empty() ? "open" : text;
}

void remove_device(const abi::Identity& device, bool force) {
    ensure_module();
    const auto number = device.number;
    const auto disk = abi::disk_name(number);
    std::error_code error;
    if (force)
        try {
            Device::remove(number, true, device.diskseq);
        } catch (const std::system_error& failure) {
            error = failure.code();
        }
    else
        error = remove_patiently(Removal(device, [number] { return !uses_of(number).empty(); }),
                                 [](std::chrono::milliseconds time) {
                                     std::this_thread::sleep_for(time);
                                     return true;
                                 });
    if (error == std::errc::operation_not_permitted || error == std::errc::permission_denied)
        throw Failure("no permission to remove " + disk + "; run this as root");
    if (error == std::errc::no_such_device)
        throw Failure("no such device: " + disk);
    if (error == std::errc::device_or_resource_busy)
        throw Failure(disk + " is in use (" + uses_text(number) +
                      "); end that first, or use --force, which fails waiting requests");
    if (error)
        throw std::system_error(error, "unable to remove " + disk);
}

} // namespace userblk::ctl
