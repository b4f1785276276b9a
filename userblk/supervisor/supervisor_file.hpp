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

/// How one finds the supervisors of a device: each keeps a locked file
/// "N.PID" in a folder, and the lock goes with its process. There may be several,
/// or none: a device does not need one.
///
/// The lock alone says that a supervisor lives, and who holds it; the PID in the
/// name, which may be of another PID namespace, only keeps names apart ("N.PID.1"
/// and so on where one is taken).
///
/// The folder is $USERBLK_RUN_DIR, or /run/userblk. That one is everybody's, with
/// the sticky bit, so that a supervisor without privileges can have a file there;
/// a file counts only if its owner may serve the device.
class SupervisorFile {
public:
    /// Announces the calling process as a supervisor of device @p number. Where
    /// the file cannot be made, the object stays empty (see error()).
    explicit SupervisorFile(std::uint32_t number);
    SupervisorFile(SupervisorFile&&) noexcept = default;
    SupervisorFile& operator=(SupervisorFile&&) = delete;
    /// Takes the file away; in a forked child it does nothing.
    ~SupervisorFile();

    std::error_code error() const noexcept { return error_; }
    const std::string& path() const noexcept { return path_; }
    /// Puts this into the file in place of what is there.
    void write(const SupervisorRecord& record) noexcept;

private:
    std::error_code make(const std::string& path);

    std::string path_;
    abi::FileDescriptor fd_;
    pid_t owner_ = 0;
    std::error_code error_;
};

/// A supervisor that announced itself and lives.
struct Announcement {
    pid_t pid = 0;    ///< 0: its PID namespace cannot be seen from here
    std::string path; ///< of its file
};

/// The living supervisors of device @p number, by pid. Files that the dead left
/// behind are removed where that is allowed.
std::vector<Announcement> announcements_of(std::uint32_t number);

/// The pids of those that can be seen from here, ascending. SIGHUP makes one
/// reload, SIGTERM drain and end.
std::vector<pid_t> supervisors_of(std::uint32_t number);

/// Makes /run/userblk, as far as the caller may: root's part in letting others
/// announce themselves.
void make_supervisor_folder() noexcept;

} // namespace userblk
