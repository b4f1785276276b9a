// SPDX-License-Identifier: MIT
#include "ioctl/nodes.hpp"

#include "ioctl/userblk_ioctl.h"

#include <cerrno>
#include <fstream>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace userblk::abi {

namespace {

std::string number_text(dev_t number) {
    return std::to_string(major(number)) + ":" + std::to_string(minor(number));
}

std::string kind_text(const struct stat& about) {
    if (S_ISREG(about.st_mode))
        return "a regular file of " + std::to_string(about.st_size) + " bytes";
    if (S_ISDIR(about.st_mode))
        return "a directory";
    if (S_ISBLK(about.st_mode))
        return "block device " + number_text(about.st_rdev);
    if (S_ISCHR(about.st_mode))
        return "character device " + number_text(about.st_rdev);
    return S_ISLNK(about.st_mode) ? "a dangling link" : "a pipe or socket";
}

std::optional<dev_t> read_number(const std::string& path) {
    std::ifstream file(path);
    unsigned int first = 0, second = 0;
    char colon = 0;
    if (!(file >> first >> colon >> second) || colon != ':')
        return std::nullopt;
    return makedev(first, second);
}

std::string mknod_text(const std::string& path, char type, std::optional<dev_t> number) {
    if (!number)
        return "";
    return "mknod " + path + " " + type + " " + std::to_string(major(*number)) + " " +
           std::to_string(minor(*number));
}

// A program that wrote to the path of a removed device leaves a regular file.
std::string origin_text(const struct stat& about) {
    return S_ISREG(about.st_mode) ? ", probably created by a program that wrote to this path "
                                    "while the device did not exist"
                                  : "";
}

} // namespace

std::string what_lies_at(const std::string& path) {
    struct stat about {};
    if (::stat(path.c_str(), &about) < 0 && ::lstat(path.c_str(), &about) < 0)
        return "nothing";
    return kind_text(about);
}

std::optional<dev_t> block_number(std::uint32_t number, const std::string& sysfs) {
    return read_number(sysfs + "/" + disk_name(number) + "/dev");
}

std::optional<NodeFault> block_node_fault(std::uint32_t number, const std::string& sysfs,
                                          const std::string& dev) {
    const auto path = dev + "/" + disk_name(number);
    const auto expected = block_number(number, sysfs);
    const auto mknod = mknod_text(path, 'b', expected);
    struct stat about {};
    if (::stat(path.c_str(), &about) < 0 && ::lstat(path.c_str(), &about) < 0)
        return NodeFault{"there is no node " + path, mknod, true};
    if (S_ISBLK(about.st_mode) && (!expected || about.st_rdev == *expected))
        return std::nullopt;
    const auto wanted =
        "the block device " + (expected ? number_text(*expected) : disk_name(number));
    return NodeFault{path + " is " + kind_text(about) + ", not " + wanted + origin_text(about),
                     mknod.empty() ? "move it away" : "move it away, then: " + mknod};
}

void check_block_node(std::uint32_t number) {
    if (const auto fault = block_node_fault(number))
        throw WrongNode(fault->what + (fault->mend.empty() ? "" : "; " + fault->mend));
}

// INFO of a device node names its device.
void check_control_node(int fd, std::uint32_t number) {
    const auto path = control_path(number);
    const auto right = read_number("/sys/class/userblk/userblkc" + std::to_string(number) + "/dev");
    const auto mknod = mknod_text(path, 'c', right);
    const auto refuse = [&](const std::string& what) {
        throw WrongNode(path + " is " + what + ", not the control node of " + disk_name(number) +
                        "; move it away" + (mknod.empty() ? "" : ", then: " + mknod));
    };
    struct stat about {};
    if (::fstat(fd, &about) < 0)
        return;
    if (!S_ISCHR(about.st_mode))
        refuse(kind_text(about) + origin_text(about));
    userblk_info info{};
    info.taken_size = sizeof(userblk_taken);
    if (::ioctl(fd, USERBLK_INFO, &info) < 0) {
        if (errno == ENOTTY)
            refuse(kind_text(about));
    } else if (info.config.number != number) {
        refuse("that of " + disk_name(info.config.number));
    }
}

} // namespace userblk::abi
