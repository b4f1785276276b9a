// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/inspect/selection.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace userblk::inspect {

struct RecoverOptions {
    std::string program;              ///< for messages on standard error
    std::vector<std::string> devices; ///< none: all
    bool reset = false;               ///< put back the selected requests
    bool show = true;                 ///< print what is pending (before a reset)
    Selection selection;
    bool json = false;
};

/// Prints what is pending on the devices, puts back the selected requests if
/// options.reset, and prints how many. Continues with the other devices if one
/// fails.
/// @returns cli::exit_success; exit_failure if a device failed; exit_pending if
///          requests of dead processes are still pending
/// @throws cli::UsageError if a forced form does not name a device
int recover(const RecoverOptions& options, std::ostream& out);

/// "3 requests", "1 request".
std::string requests_text(std::uint64_t count);

} // namespace userblk::inspect
