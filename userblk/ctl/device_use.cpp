// SPDX-License-Identifier: MIT
#include "userblk/ctl/device_use.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/ctl/command.hpp"
#include "userblk/ctl/kernel_module.hpp"
#include "userblk/device.hpp"
#include "userblk/removal.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

namespace userblk::ctl {

namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string read_word(const fs::path& path) {
    std::ifstream file(path);
    std::string word;
    file >> word;
    return word;
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

// The folders in sysfs of the disk and its partitions.
std::vector<fs::path> parts_of(std::uint32_t number) {
    const auto disk = abi::disk_name(number);
    const auto folder = fs::path(abi::sysfs_block) / disk;
    std::vector<fs::path> parts = {folder};
    for (const auto& entry : entries_of(folder))
        if (entry.filename().string().starts_with(disk + "p"))
            parts.push_back(entry);
    return parts;
}

bool is_swap(const std::string& swaps, const std::string& node) {
    std::istringstream lines(swaps);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(node + " ") || line.starts_with(node + "\t"))
            return true;
    return false;
}

// As the kernel writes paths there: "\040" is a blank.
std::string without_octal(const std::string& text) {
    const auto is_octal = [&](std::size_t at) {
        return at < text.size() && text[at] >= '0' && text[at] <= '7';
    };
    std::string result;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '\\' || !is_octal(at + 1) || !is_octal(at + 2) || !is_octal(at + 3)) {
            result += text[at];
            continue;
        }
        result += static_cast<char>(std::stoi(text.substr(at + 1, 3), nullptr, 8));
        at += 3;
    }
    return result;
}

} // namespace

std::vector<std::string> mount_points(const std::string& mountinfo,
                                      const std::vector<std::string>& devices) {
    std::vector<std::string> points;
    std::istringstream lines(mountinfo);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string id, parent, device, root, point;
        words >> id >> parent >> device >> root >> point;
        if (std::find(devices.begin(), devices.end(), device) != devices.end())
            points.push_back(without_octal(point));
    }
    return points;
}

std::vector<std::string> uses_of(std::uint32_t number) {
    std::vector<std::string> devices, uses;
    const auto swaps = read_text("/proc/swaps");
    for (const auto& part : parts_of(number)) {
        devices.push_back(read_word(part / "dev"));
        if (is_swap(swaps, "/dev/" + part.filename().string()))
            uses.emplace_back("used as swap space");
        for (const auto& holder : entries_of(part / "holders"))
            uses.push_back("used by " + holder.filename().string());
    }
    for (const auto& point : mount_points(read_text("/proc/self/mountinfo"), devices))
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
        throw Failure("there is no device " + disk);
    if (error == std::errc::device_or_resource_busy)
        throw Failure(disk + " is in use (" + uses_text(number) +
                      "); end that first, or use --force, which fails what waits");
    if (error)
        throw std::system_error(error, "unable to remove " + disk);
}

} // namespace userblk::ctl
