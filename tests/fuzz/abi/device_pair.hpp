// SPDX-License-Identifier: MIT
//
// The two devices that every program runs on. The manager, which has the privileges, creates and
// removes them for a process that may lack them.
#pragma once

#include <array>
#include <string>

#include "ioctl/userblk_ioctl.h"
#include "tests/fuzz/abi/channel.hpp"

namespace userblk::fuzz {

// Device 0 allows everything; device 1 has narrow limits and no REDIRECT.
struct DevicePair {
    test::Fd control; // the control device
    struct Device {
        std::uint32_t number = 0;
        std::uint64_t size = 0;
        test::Fd node, read_only_node, disk, cached_disk;
    };
    std::array<Device, 2> devices;
};

// Called by the manager. These return what is wrong; empty if nothing is.
std::string make_devices(Channel& to, unsigned int owner);
std::string remove_devices();
// Checks that nothing holds the module.
std::string check_module_unused();

// Called by the other side; throws if it fails.
DevicePair receive_devices(Channel& channel);

} // namespace userblk::fuzz
