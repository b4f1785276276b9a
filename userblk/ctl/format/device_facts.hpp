// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/userblk_ioctl.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace userblk::cli {
class JsonWriter;
}

namespace userblk::ctl {

/// "read-only", "rotational", "cache", "fua", "discard", "write-zeroes",
/// "stable-writes", "no-partitions": those of USERBLK_F_* that are set.
std::vector<std::string> feature_names(std::uint64_t flags);

/// A device's configuration in force, as members of an object that the caller opens.
void write(cli::JsonWriter& json, const userblk_config& config);
/// The same as lines of a heading and a value.
std::vector<std::pair<std::string, std::string>> config_lines(const userblk_config& config);

/// A user's, or group's, name; its number if it has none.
std::string user_name(uid_t uid);
std::string group_name(gid_t gid);

} // namespace userblk::ctl
