// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/log.hpp"

#include <string>

namespace userblk::ctl {

/// Where messages go: "console" (standard error), "syslog", or "file:PATH".
/// @throws std::invalid_argument with the expected forms
void check_log_target(const std::string& target);

/// A function that logs through Poco's channels, none of which has its own thread.
/// Drops messages less important than @p most.
/// @throws Failure if the file cannot be opened
LogFunction make_log(const std::string& target, LogLevel most);

/// "error", "warning", "notice", "information", "debug".
LogLevel parse_log_level(const std::string& text);

} // namespace userblk::ctl
