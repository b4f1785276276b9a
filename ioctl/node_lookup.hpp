// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/lookup.hpp"
#include "ioctl/userblk_ioctl.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace userblk::abi {

// Internal: lookup.hpp's answers where there is no sysfs, as in a container that was given
// a control node and nothing else. Only devices whose node may be opened are known then.

/// What a device says itself; nothing: there is none, or not for the caller.
std::optional<userblk_info> ask_node(std::uint32_t number) noexcept;

/// Whether there is a control node below /dev, of this device or of any.
bool has_node(std::uint32_t number) noexcept;

/// The numbers of the control nodes below /dev, ascending.
std::vector<std::uint32_t> node_numbers();

Attributes attributes_of(const userblk_info& info);

} // namespace userblk::abi
