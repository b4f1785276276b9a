// SPDX-License-Identifier: MIT
#include "tests/system/support/logged_disk.hpp"

#include <sstream>

#include <gtest/gtest.h>

#include "tests/system/support/program.hpp"

namespace userblk::test {

namespace {

// Sparse; unwritten parts take no memory.
constexpr std::uint64_t log_size = 4ull << 30;

// No event announces the device: no rule of udev may open it.
Arguments dmsetup(const Arguments& more) {
    Arguments argv{"dmsetup", "--noudevrules", "--noudevsync"};
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
}

} // namespace

LoggedDisk::LoggedDisk(std::uint64_t size) : disk_(size), log_(log_size) {
    succeed({"modprobe", "-a", "dm-mod", "dm-log-writes"});
    const std::string table =
        "0 " + std::to_string(size / 512) + " log-writes " + disk_.path() + " " + log_.path();
    succeed(dmsetup({"create", name_, "--table", table}));
    open_ = true;
    // Only udev rules create a node by this name: use the kernel's name.
    std::istringstream(succeed(
        {"dmsetup", "info", "--columns", "--noheadings", "--options", "blkdevname", name_})) >>
        path_;
    path_ = "/dev/" + path_;
}

LoggedDisk::~LoggedDisk() {
    if (open_)
        close();
}

void LoggedDisk::mark(const std::string& text) const {
    succeed(dmsetup({"message", name_, "0", "mark", text}));
}

std::string LoggedDisk::close() {
    const std::string status = succeed(dmsetup({"status", name_}));
    EXPECT_EQ(status.find("logging_disabled"), std::string::npos) << "the log is incomplete";
    open_ = false;
    succeed(dmsetup({"remove", "--retry", name_}));
    return log_.image();
}

} // namespace userblk::test
