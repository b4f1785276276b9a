// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>

namespace userblk::ctl {

/// The path by which this program was started, so that a reload executes what has been installed
/// there since.
std::string program_path();

/// @p path from the root, without leading "..": the folders that these lead through may be gone
/// when it is used.
std::filesystem::path absolute_path(const std::filesystem::path& path);

} // namespace userblk::ctl
