// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/device.hpp"

namespace userblk::ctl {

/// Makes a device; loads the module first if need be.
/// @throws Failure with a reason for people; UsageError
Device create_device(const DeviceConfig& config);

} // namespace userblk::ctl
