// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/device.hpp"

#include <cstdint>
#include <string>

namespace userblk::ctl {

/// Refuses what the kernel would refuse, in words: which option is wrong, and
/// what would be right.
/// @throws UsageError
void check_config(const DeviceConfig& config);

/// A device's name: none, or one that cannot be taken for another way to name a
/// device.
/// @throws UsageError
void check_name(const std::string& name);

/// @throws UsageError unless @p size suits a device with that block size
void check_size(std::uint64_t size, std::uint32_t logical_block_size, const std::string& option);

} // namespace userblk::ctl
