// SPDX-License-Identifier: MIT
#include "userblk/supervisor/process_settings.hpp"

#include "userblk/process_setup.hpp"

#include <string>
#include <system_error>

namespace userblk {

void apply_process_settings(const PoolOptions& options, const StatusReport& report) {
    const auto warn = [&report](const char* what, std::error_code error) {
        if (error)
            report.log(LogLevel::warning,
                       std::string("unable to ") + what + ": " + error.message());
    };
    if (const auto error = options.io_flusher ? set_io_flusher() : std::error_code())
        report.log(LogLevel::warning,
                   "unable to exempt memory allocation from waiting for I/O: " + error.message() +
                       "; when memory is short, the device may wait for itself. This requires root "
                       "or CAP_SYS_RESOURCE (AmbientCapabilities= of a service)");
    if (options.lock_memory)
        warn("lock memory", lock_memory());
    if (options.oom_score_adj)
        warn("set the OOM score", set_oom_score_adj(*options.oom_score_adj));
}

} // namespace userblk
