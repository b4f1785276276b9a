// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>

namespace userblk::ctl {

/// The path by which this program was started: a reload executes the program that is installed
/// there by then.
std::string program_path();

/// @p path from the root, without leading "..": the folders that ".." passes through may be gone
/// later.
std::filesystem::path absolute_path(const std::filesystem::path& path);

} // namespace userblk::ctl
