// SPDX-License-Identifier: MIT
#pragma once

#include <set>
#include <string>
#include <sys/types.h>

namespace userblk::inspect {

/// The living children of process @p parent, zombies left out.
std::set<pid_t> children_of(pid_t parent);

/// Its parent; 0: there is no such process, or its parent is in another PID namespace.
pid_t parent_of(pid_t pid);

/// Whether there is such a process, and it is no zombie.
bool is_alive(pid_t pid);

} // namespace userblk::inspect
