// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"

#include <string>
#include <sys/types.h>

namespace userblk {

/// Internal: ", holding write of 4K at 8192 (0x100000003, delivery 2)": what process
/// @p pid holds at this moment, for a log that tells of its death. The first few
/// are named, the others counted; "" if there is nothing, or it cannot be told.
std::string held_text(const abi::ControlNode& node, pid_t pid) noexcept;

} // namespace userblk
