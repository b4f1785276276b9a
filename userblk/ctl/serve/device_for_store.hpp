// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backend_spec.hpp"
#include "userblk/ctl/serve/serve_options.hpp"
#include "userblk/ctl/serve/served_device.hpp"

#include <cstdint>

namespace userblk::ctl {

/// Finds or makes the device that the options ask for. Standard error gets warnings of what is
/// unusual: others that serve it, or another size.
/// @throws UsageError or Failure if the device or the store is missing, or they do not suit each
///         other
ServedDevice device_for_store(const ServeOptions& options, const BackendSpec& store);

/// Refuses a store that the device cannot be served from, as workers would later.
/// @returns the device's size
/// @throws Failure
std::uint64_t check_device_suits(std::uint32_t number, const ServeOptions& options,
                                 const BackendSpec& store);

/// Refuses a store that no device can be made for.
/// @throws Failure
Description describe_store_of_new_device(const ServeOptions& options, const BackendSpec& store);

} // namespace userblk::ctl
