// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace userblk {

/// Internal: notifies the service manager that started this process, if there is one, of its
/// state (the protocol of sd_notify). One assignment per line: "READY=1", "STATUS=…". Errors are
/// ignored.
void notify_service_manager(const std::string& state) noexcept;

/// "RELOADING=1" with the time stamp that systemd requires with it.
std::string reloading_state();

} // namespace userblk
