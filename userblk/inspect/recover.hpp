// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/inspect/selection.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace userblk::inspect {

struct RecoverOptions {
    std::string program;              ///< for messages on standard error
    std::vector<std::string> devices; ///< none: all that there are
    bool reset = false;               ///< put back what was selected
    bool show = true;                 ///< tell what is pending (before a reset)
    Selection selection;
    bool json = false;
};

/// Shows what is pending on the devices, puts back what is selected if it is
/// asked to, and tells how much that was. A device that cannot be dealt with
/// does not keep the others from it.
/// @returns cli::exit_success; exit_failure if a device could not be dealt with;
///          exit_pending if requests of the dead are pending after all
/// @throws cli::UsageError if a forced form does not name a device
int recover(const RecoverOptions& options, std::ostream& out);

/// "3 requests", "1 request".
std::string requests_text(std::uint64_t count);

} // namespace userblk::inspect
