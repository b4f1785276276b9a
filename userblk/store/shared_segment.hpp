// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"

#include <string>

namespace userblk {

/// Internal: opens a file in the world-writable folder of shared memory, or creates it, for
/// the calling user alone. Refuses a file that another user owns or may open: a process
/// that may truncate the file can kill those that have it mapped.
/// @throws std::system_error "unable to use PATH, which …", naming the owner; EPERM
abi::FileDescriptor open_segment(const std::string& path);

} // namespace userblk
