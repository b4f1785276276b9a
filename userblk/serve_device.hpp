// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/device.hpp"
#include "userblk/pool.hpp"

#include <string>

namespace userblk {

/// The main part of a driver with a command line of its own, as run() is one: serves
/// the device with a Pool until it is told to stop, and prints the path of the block
/// node on standard output once the workers serve.
///
/// A temporary device is removed at the end, unless somebody uses it (has it mounted):
/// then it stays, its requests wait, and a warning says so, followed by the advice,
/// a sentence on how to go on. options.ready is this function's own.
///
/// @returns main()'s: 0 after an orderly end, 1 failure.
/// @throws  what Pool::run() throws.
int serve_device(const Device& device, const BackendFactory& make, PoolOptions options,
                 bool temporary, const std::string& advice);

} // namespace userblk
