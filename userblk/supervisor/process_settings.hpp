// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/pool.hpp"
#include "userblk/supervisor/status_report.hpp"

namespace userblk {

/// Internal: applies what the options say about the memory of the supervisor's process, see
/// process_setup.hpp. The log warns of what is not permitted.
void apply_process_settings(const PoolOptions& options, const StatusReport& report);

} // namespace userblk
