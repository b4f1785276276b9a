// SPDX-License-Identifier: MIT
#include "tests/system/support/dm_device.hpp"

#include <gtest/gtest.h>

#include "tests/system/support/program.hpp"

namespace userblk::test {

namespace {

void dmsetup(const Arguments& arguments) {
    Arguments argv{"dmsetup"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    succeed(argv);
}

} // namespace

DmDevice::DmDevice(std::string name, std::uint64_t size) : loop_(size), name_(std::move(name)) {
    run({"modprobe", "dm-mod"});
    dmsetup({"create", name_, "--table",
             "0 " + std::to_string(size / 512) + " linear " + loop_.path() + " 0"});
}

DmDevice::~DmDevice() {
    if (suspended_)
        resume();
    dmsetup({"remove", "--retry", name_});
}

// Without freezing a file system on it or waiting for I/O under way.
void DmDevice::suspend() {
    dmsetup({"suspend", "--noflush", "--nolockfs", name_});
    suspended_ = true;
}

void DmDevice::resume() {
    dmsetup({"resume", name_});
    suspended_ = false;
}

} // namespace userblk::test
