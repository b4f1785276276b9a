// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/lookup.hpp"
#include "ioctl/userblk_ioctl.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace userblk::abi {

// Internal: lookup.hpp without sysfs, as in a container that has only a control node. It
// finds only devices whose node the caller may open.

/// INFO of the device; nothing: it does not exist, or the caller may not open it.
std::optional<userblk_info> ask_node(std::uint32_t number) noexcept;

/// Whether there is a control node below /dev for this device, or for any.
bool has_node(std::uint32_t number) noexcept;

/// The numbers of the control nodes below /dev, ascending.
std::vector<std::uint32_t> node_numbers();

Attributes attributes_of(const userblk_info& info);

} // namespace userblk::abi
