// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"

#include <string>

namespace userblk {

/// Internal: opens a file in the folder of shared memory, which is everybody's, or makes
/// it, for the calling user alone. Nobody else may have put something there or be able to
/// change it: whoever may make the file shorter can end those who have it mapped.
/// @throws std::system_error "unable to use PATH, which …", naming the owner; EPERM
abi::FileDescriptor open_segment(const std::string& path);

} // namespace userblk
