// SPDX-License-Identifier: MIT
#pragma once

#include <set>
#include <string>
#include <sys/types.h>

namespace userblk::inspect {

/// The live children of process @p parent, without zombies.
std::set<pid_t> children_of(pid_t parent);

/// The parent of @p pid; 0: no such process, or its parent is in another PID namespace.
pid_t parent_of(pid_t pid);

/// Whether the process exists and is not a zombie.
bool is_alive(pid_t pid);

} // namespace userblk::inspect
