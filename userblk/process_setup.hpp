// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <system_error>
#include <vector>

namespace userblk {

// What a process that serves a block device asks of the kernel, so that the
// device does not wait for itself when memory is short. Children inherit all but
// the locked memory.

/// Marks the calling thread, and what it starts later, as one whose memory
/// allocations must not wait for I/O (PR_SET_IO_FLUSHER), and verifies that it
/// took. Needs CAP_SYS_RESOURCE: EPERM without.
std::error_code set_io_flusher() noexcept;

/// Keeps all memory of the process, present and future, from being paged out. It
/// is taken as it is touched, but the program, its libraries and some of the
/// caller's stack at once, so that nothing has to be read for them later. Where
/// that is permitted the limit on locked memory is lifted: it would strike later,
/// when privileges are gone, those who ask for more memory.
std::error_code lock_memory() noexcept;

/// -1000 ... 1000; lowering it needs CAP_SYS_RESOURCE.
std::error_code set_oom_score_adj(int value) noexcept;

/// Makes the calling thread, and what it starts later, wait for a processor rather than
/// take one from somebody when it wakes up (SCHED_BATCH). Nothing happens to one that was
/// given a policy other than the usual one.
std::error_code schedule_as_batch() noexcept;

/// Makes the calling thread, and what it starts later, run as soon as it wakes up, before
/// all that have the usual policies (SCHED_FIFO, at the lowest of its priorities). Needs
/// CAP_SYS_NICE or an RLIMIT_RTPRIO of 1 or more: EPERM without. Nothing happens to one that was
/// given a policy other than the usual one.
std::error_code schedule_as_fifo() noexcept;

/// Ends the calling thread's registration for restartable sequences, which the C library
/// makes for its use and others': the kernel then has nothing to write for the thread each
/// time it was off a processor. sched_getcpu() asks the kernel instead. Threads that the
/// thread starts afterwards have none either. EINVAL where there was none.
std::error_code forgo_restartable_sequences() noexcept;

/// Who the workers run as.
struct Credentials {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups; ///< supplementary

    /// By the name, or number, of a user.
    /// @throws std::invalid_argument if there is none
    static Credentials of_user(const std::string& user);
};

/// Gives up everything but the named identity, for good.
/// @throws std::system_error
void drop_privileges(const Credentials& to);

} // namespace userblk
