// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <sys/types.h>
#include <vector>

namespace CLI {
class App;
}

namespace userblk::inspect {

/// Which of the taken requests are to be put back. As it is: those of the dead,
/// which is safe at any time. All else is forced: it may act on the living.
struct Selection {
    std::vector<pid_t> pids;
    std::vector<std::uint64_t> ids;
    std::optional<std::chrono::nanoseconds> older_than;
    bool all = false;

    bool forced() const noexcept { return all || older_than || !pids.empty() || !ids.empty(); }
};

/// Adds --pid, --older-than, --id and --all, of which one kind may be given, to
/// a command line; they end up in @p selection, which must outlive @p app.
void add_selection_options(CLI::App& app, Selection& selection);

/// Puts back what was selected and returns how many requests that were. Does
/// not wait; nothing to put back is no error.
/// @throws std::system_error if the device was removed
std::uint32_t put_back(const abi::ControlNode& node, const Selection& selection);

} // namespace userblk::inspect
