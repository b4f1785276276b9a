// SPDX-License-Identifier: MIT
//
// What every program finds: two devices. They are made and removed by a process with the right to,
// the keeper, for one that may be without it.
#pragma once

#include <array>
#include <string>

#include "ioctl/userblk_ioctl.h"
#include "tests/fuzz/abi/channel.hpp"

namespace userblk::fuzz {

// Device 0 allows all that there is; device 1 has narrow limits and no REDIRECT.
struct World {
    test::Fd control; // the control device
    struct Device {
        std::uint32_t number = 0;
        std::uint64_t size = 0;
        test::Fd node, read_only_node, disk, cached_disk;
    };
    std::array<Device, 2> devices;
};

// Of the keeper. Each returns what is wrong, or "".
std::string make_world(Channel& to, unsigned int owner);
std::string remove_world();
// That nothing holds the module any more.
std::string check_module_unused();

// Of the other side; throw when it cannot be done.
World receive_world(Channel& channel);

} // namespace userblk::fuzz
