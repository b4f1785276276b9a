// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "userblk/cli/explain.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <sys/types.h>
#include <vector>

namespace CLI {
class App;
}

namespace userblk::inspect {

/// Which taken requests to put back. The default, those of dead processes, is safe at
/// any time. All others are forced forms: they may affect live processes.
struct Selection {
    std::vector<pid_t> pids;
    std::vector<std::uint64_t> ids;
    std::optional<std::chrono::nanoseconds> older_than;
    bool all = false;
    /// Whatever the device's store class demands: see USERBLK_RESET_FORCED.
    bool force = false;

    bool forced() const noexcept {
        return force || all || older_than || !pids.empty() || !ids.empty();
    }
};

/// Adds --pid, --older-than, --id and --all, which exclude each other, and --force to a command
/// line. They set @p selection, which must outlive @p app.
void add_selection_options(CLI::App& app, Selection& selection);

/// Puts back the selected requests and returns how many. Does not wait; finding none
/// is not an error.
/// @throws std::system_error if the device was removed; StoreNotFenced
std::uint32_t put_back(const abi::ControlNode& node, const Selection& selection);

/// The device's store class forbids it without "force". The text says why, and what to do.
class StoreNotFenced : public cli::Failure {
public:
    explicit StoreNotFenced(const abi::ControlNode& node);
};

} // namespace userblk::inspect
