// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <system_error>
#include <vector>

namespace userblk {

struct SupervisorRecord;

/// How to find the supervisors of a device: each keeps a locked file "N.PID" in a folder, and the
/// lock ends with its process. There may be several, or none: a device does not need one.
///
/// Only the lock proves that a supervisor lives, and which process it is. The PID in the name,
/// which may be of another PID namespace, merely makes names unique ("N.PID.1" and so on if one
/// is taken).
///
/// The folder is $USERBLK_RUN_DIR, or /run/userblk, which is world-writable with the sticky bit, so
/// that unprivileged supervisors can have files there. A file counts only if its owner may serve
/// the device.
class SupervisorFile {
public:
    /// Announces the calling process as a supervisor of device @p number. If the file cannot be
    /// made, error() says why.
    explicit SupervisorFile(std::uint32_t number);
    SupervisorFile(SupervisorFile&&) noexcept = default;
    SupervisorFile& operator=(SupervisorFile&&) = delete;
    /// Removes the file; in a forked child, only closes it.
    ~SupervisorFile();

    std::error_code error() const noexcept { return error_; }
    const std::string& path() const noexcept { return path_; }
    /// Replaces the content of the file.
    void write(const SupervisorRecord& record) noexcept;

private:
    std::error_code make(const std::string& path);

    std::string path_;
    abi::FileDescriptor fd_;
    pid_t owner_ = 0;
    std::error_code error_;
};

/// A living supervisor.
struct Announcement {
    pid_t pid = 0;    ///< 0: its PID namespace is not visible from here
    std::string path; ///< of its file
};

/// The living supervisors of device @p number, by pid. Removes the files of dead ones where
/// permitted.
std::vector<Announcement> announcements_of(std::uint32_t number);

/// The pids of those that are visible from here, ascending. SIGHUP makes a supervisor reload,
/// SIGTERM makes it stop.
std::vector<pid_t> supervisors_of(std::uint32_t number);

/// Makes /run/userblk, if the caller may: as root, so that unprivileged supervisors can announce
/// themselves.
void make_supervisor_folder() noexcept;

} // namespace userblk
