// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace userblk {

// Internal: the calls of glibc 2.36's <sys/pidfd.h>, which cannot be linked with
// from C++ there.

/// A descriptor that is readable when process @p pid has ended; empty, with errno
/// set, if it cannot be had.
inline abi::FileDescriptor open_pidfd(pid_t pid) noexcept {
    return abi::FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

/// Sends a signal to that very process. 0, or -1 with errno set.
inline int signal_pidfd(int pidfd, int signal) noexcept {
    return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

} // namespace userblk
