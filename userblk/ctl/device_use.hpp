// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/lookup.hpp"

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace userblk::ctl {

/// Long-term uses of a device or its partitions: "mounted on /srv", "used as swap
/// space", "used by dm-0". Not processes that merely have it open.
std::vector<std::string> uses_of(std::uint32_t number);

/// The same in one text, "open" if there is none.
std::string uses_text(std::uint32_t number);

/// Removes the device. Retries briefly if it is merely open, because udev opens
/// devices after changes.
/// @throws Failure with a reason for the user
void remove_device(const abi::Identity& device, bool force);

/// Where the devices are mounted; a parameter only for tests.
std::vector<std::string> mount_points(const std::vector<dev_t>& devices,
                                      const std::string& mountinfo = "/proc/self/mountinfo");
/// What is used as swap space.
std::vector<std::string> swap_devices(const std::string& swaps = "/proc/swaps");

} // namespace userblk::ctl
