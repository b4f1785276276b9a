// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace userblk {

// Internal: the calls of <sys/pidfd.h> in glibc 2.36, where C++ cannot link to
// them.

/// A descriptor that becomes readable when process @p pid exits; empty, with errno
/// set, on failure.
inline abi::FileDescriptor open_pidfd(pid_t pid) noexcept {
    return abi::FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

/// Sends a signal to exactly that process. Returns 0, or -1 with errno set.
inline int signal_pidfd(int pidfd, int signal) noexcept {
    return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

} // namespace userblk
