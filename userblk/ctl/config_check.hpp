// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/device.hpp"

#include <cstdint>
#include <string>

namespace userblk::ctl {

/// Refuses what the kernel would refuse, with a message that names the option and
/// what is expected.
/// @throws UsageError
void check_config(const DeviceConfig& config);

/// Checks a device's name: empty, or one that does not look like another form of DEV.
/// @throws UsageError
void check_name(const std::string& name);

/// @throws UsageError unless @p size is valid for a device with that block size
void check_size(std::uint64_t size, std::uint32_t logical_block_size, const std::string& option);

} // namespace userblk::ctl
