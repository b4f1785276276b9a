// SPDX-License-Identifier: MIT
#pragma once

namespace userblk::ctl {

/// Makes sure that the kernel module is there, and loads it if it can.
/// @throws Failure that names modprobe if it is not there and cannot be loaded
void ensure_module();

} // namespace userblk::ctl
