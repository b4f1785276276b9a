// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"

#include <cstdint>
#include <string>
#include <sys/types.h>

namespace userblk {

/// Internal: "write of 4K at 8192".
std::string describe_request(std::uint16_t op, std::uint64_t offset, std::uint64_t length);

/// Internal: the taken request, as above, that was delivered three times before or whose taker
/// is dead, so that it may be what kills the workers. "" if there is none, or the device limits
/// deliveries.
std::string describe_suspect_request(const abi::ControlNode& node) noexcept;

/// Internal: ", holding write of 4K at 8192 (0x100000003, delivery 2)": the requests that
/// process @p pid holds now, for a log message about its death. Names the first few and counts
/// the others; "" if there are none, or on failure.
std::string describe_held_requests(const abi::ControlNode& node, pid_t pid) noexcept;

} // namespace userblk
