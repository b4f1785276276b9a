// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backend_spec.hpp"
#include "userblk/ctl/serve/serve_options.hpp"
#include "userblk/ctl/serve/served_device.hpp"

#include <cstdint>

namespace userblk::ctl {

/// Finds or creates the device that the options name. Warns on standard error if others serve it,
/// or if it has another size.
/// @throws UsageError or Failure if the device or the store is missing, or they do not fit each
///         other
ServedDevice device_for_store(const ServeOptions& options, const BackendSpec& store);

/// Refuses a store that the device cannot be served from, before a worker does.
/// @returns the device's size
/// @throws Failure
std::uint64_t check_device_suits(std::uint32_t number, const ServeOptions& options,
                                 const BackendSpec& store);

/// Refuses a store that no device can be created for.
/// @throws Failure
Description describe_store_of_new_device(const ServeOptions& options, const BackendSpec& store);

} // namespace userblk::ctl
