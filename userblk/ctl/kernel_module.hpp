// SPDX-License-Identifier: MIT
#pragma once

namespace userblk::ctl {

/// Loads the kernel module if necessary.
/// @throws Failure that names modprobe if the module is not loaded and cannot be
void ensure_module();

} // namespace userblk::ctl
