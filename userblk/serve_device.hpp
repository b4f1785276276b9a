// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/device.hpp"
#include "userblk/pool.hpp"

#include <string>

namespace userblk {

/// The main part of a driver with a command line of its own, such as run(): serves the
/// device with a Pool until stopped, and prints the path of the block node to standard
/// output once the workers serve.
///
/// At the end it removes a temporary device, unless the device is in use (mounted): then
/// the device stays, its requests block, and a warning reports that, followed by @p advice,
/// a sentence on what to do. Overwrites options.ready.
///
/// @returns the exit status: 0 after an orderly stop, 1 failure.
/// @throws the exceptions of Pool::run()
int serve_device(const Device& device, const StoreFactory& make, PoolOptions options,
                 bool temporary, const std::string& advice);

} // namespace userblk
