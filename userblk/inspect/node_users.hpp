// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace userblk::inspect {

/// The environment variable in which a supervisor passes its workers to the program that it
/// executes in its own place.
inline constexpr const char* handover_variable = "USERBLK_HANDOVER";

/// A process that has the control node of a device open: a worker, a supervisor, a spare, or an
/// observer.
struct NodeUser {
    pid_t pid = 0;
    pid_t parent = 0;
    std::string program;
    /// A worker whose supervisor has exited, rather than being executed anew. Nothing restarts it,
    /// and SIGTERM makes it drain and exit.
    bool left_behind = false;
};

/// The processes whose descriptors the caller may see (root: all of its PID namespace), except the
/// calling process; ascending.
std::vector<NodeUser> node_users(std::uint32_t number);

/// The pids of the users that were left behind.
std::vector<pid_t> left_behind(const std::vector<NodeUser>& users);

/// Sends SIGTERM to the workers that were left behind, and waits until they exit. Never signals
/// another process that reuses a pid meanwhile.
/// @return how many remain on timeout
std::size_t end_left_behind(std::uint32_t number, std::chrono::nanoseconds limit);

/// "11, 12".
std::string pids_text(const std::vector<pid_t>& pids);

} // namespace userblk::inspect
