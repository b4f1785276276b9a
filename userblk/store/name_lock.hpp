// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"

#include <string>

namespace userblk {

/// Internal: a file to lock in place of a store that is on another machine (see claim_files()):
/// the same for all stores of this identity. It lies where supervisors announce themselves, and
/// stays until the next boot. Nothing if there is none to be had, or if it belongs to somebody
/// who could lock it to annoy others.
abi::FileDescriptor open_lock_file(const std::string& identity) noexcept;

} // namespace userblk
