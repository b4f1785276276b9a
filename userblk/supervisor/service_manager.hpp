// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace userblk {

/// Internal: tells the service manager that started this process how it is doing
/// (sd_notify's protocol); does nothing when there is none. One assignment per
/// line: "READY=1", "STATUS=…". What goes wrong is nobody's business.
void notify_service_manager(const std::string& state) noexcept;

/// "RELOADING=1" with the time stamp that goes with it.
std::string reloading_state();

} // namespace userblk
