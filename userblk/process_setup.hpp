// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <system_error>
#include <vector>

namespace userblk {

// Settings that keep a process that serves a block device from waiting for that
// device when memory is short. Children inherit all but the locked memory.

/// Keeps memory allocations of the calling thread, and of what it starts later, from
/// waiting for I/O (PR_SET_IO_FLUSHER), and verifies the setting. EPERM without
/// CAP_SYS_RESOURCE.
std::error_code set_io_flusher() noexcept;

/// Locks all memory of the process, present and future. Pages are allocated on
/// first touch; the program, its libraries and part of the caller's stack are loaded
/// at once, so that they need no reads later. Raises the limit on locked memory if
/// permitted: otherwise allocations would fail later, once privileges are dropped.
std::error_code lock_memory() noexcept;

/// -1000 ... 1000; lowering it requires CAP_SYS_RESOURCE.
std::error_code set_oom_score_adj(int value) noexcept;

/// Keeps the calling thread, and what it starts later, from preempting others when it
/// wakes up (SCHED_BATCH). A thread with a policy other than SCHED_OTHER keeps it.
std::error_code schedule_as_batch() noexcept;

/// Makes the calling thread, and what it starts later, preempt all threads with ordinary
/// policies when it wakes up (SCHED_FIFO, lowest priority). EPERM without CAP_SYS_NICE and
/// with an RLIMIT_RTPRIO below 1. A thread with a policy other than SCHED_OTHER keeps it.
std::error_code schedule_as_fifo() noexcept;

/// Unregisters the calling thread's restartable sequences, which the C library registers
/// for its own use and for others. This saves the kernel a write each time the thread was
/// off a processor. sched_getcpu() then asks the kernel. Threads started afterwards have no
/// registration either. EINVAL if there was none.
std::error_code forgo_restartable_sequences() noexcept;

/// The user and groups the workers run as.
struct Credentials {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups; ///< supplementary

    /// @param user a name or number
    /// @throws std::invalid_argument if there is no such user
    static Credentials of_user(const std::string& user);
};

/// Drops all privileges but those of @p to, permanently.
/// @throws std::system_error
void drop_privileges(const Credentials& to);

} // namespace userblk
