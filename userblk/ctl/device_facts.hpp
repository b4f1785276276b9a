// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/userblk_ioctl.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

namespace userblk::ctl {

/// An object that keeps the order in which its members were set.
Poco::JSON::Object::Ptr json_object();
/// A text that others may have chosen: bytes that are no UTF-8 are replaced.
Poco::Dynamic::Var json_text(const std::string& text);
/// Prints it, indented, with a newline at the end.
void print_json(std::ostream& out, const Poco::Dynamic::Var& value);
/// Prints it on one line.
void print_json_line(std::ostream& out, const Poco::Dynamic::Var& value);

/// "read-only", "rotational", "cache", "fua", "discard", "write-zeroes",
/// "stable-writes", "no-partitions": those of USERBLK_F_* that are set.
std::vector<std::string> feature_names(std::uint64_t flags);

/// A device's configuration in force.
Poco::JSON::Object::Ptr config_json(const userblk_config& config);
/// The same as lines of a heading and a value, for people.
std::vector<std::pair<std::string, std::string>> config_lines(const userblk_config& config);

/// A counter of struct userblk_info, and what it is called.
struct Counter {
    const char* name;
    __u64 userblk_info::*member;
    const char* heading = nullptr; ///< over its rate, in a table; none: not in one
    int place = 0;                 ///< of that column
};
/// All counters that only grow, in the order of printing.
const std::vector<Counter>& counters();

/// A user's, or group's, name; its number if it has none.
std::string user_name(uid_t uid);
std::string group_name(gid_t gid);

} // namespace userblk::ctl
