// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"

#include <cstdint>
#include <string>
#include <sys/types.h>

namespace userblk {

/// Internal: "write of 4K at 8192".
std::string describe_request(std::uint16_t op, std::uint64_t offset, std::uint64_t length);

/// Internal: the request, like that, that somebody holds and that was delivered three times
/// before or to one that is dead now, so that it may be what workers die of. "" if there
/// is none, or the device limits deliveries.
std::string describe_suspect_request(const abi::ControlNode& node) noexcept;

/// Internal: ", holding write of 4K at 8192 (0x100000003, delivery 2)": what process
/// @p pid holds at this moment, for a log that tells of its death. The first few
/// are named, the others counted; "" if there is nothing, or it cannot be told.
std::string describe_held_requests(const abi::ControlNode& node, pid_t pid) noexcept;

} // namespace userblk
