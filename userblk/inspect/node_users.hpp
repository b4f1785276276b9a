// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace userblk::inspect {

/// A process that has the control node of a device open: it serves the device, supervises those
/// who do, waits to serve, or looks at it.
struct NodeUser {
    pid_t pid = 0;
    pid_t parent = 0;
    std::string program;
    /// A worker that a supervisor has started that is no more. Nobody replaces it, and SIGTERM
    /// ends it in an orderly way.
    bool left_behind = false;
};

/// Those whose descriptors the caller may see (root: all of its PID namespace), but for the
/// calling process; ascending.
std::vector<NodeUser> node_users(std::uint32_t number);

/// The pids of those that were left behind.
std::vector<pid_t> left_behind(const std::vector<NodeUser>& users);

/// Sends SIGTERM to those that were left behind, and waits for their end. None of another program
/// can be met, even if it gets a pid meanwhile.
/// @return how many are still there when the time is over
std::size_t end_left_behind(std::uint32_t number, std::chrono::nanoseconds limit);

/// "11, 12".
std::string pids_text(const std::vector<pid_t>& pids);

} // namespace userblk::inspect
