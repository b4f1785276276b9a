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
/// The folder is $USERBLK_RUN_DIR, or /run/userblk.
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
    std::string path_;
    abi::FileDescriptor fd_;
    pid_t owner_ = 0;
    std::error_code error_;
};

/// The pids of the living supervisors of device @p number that announced
/// themselves, ascending. SIGHUP makes one reload, SIGTERM drain and end.
/// Files that the dead left behind are removed where that is allowed.
std::vector<pid_t> supervisors_of(std::uint32_t number);

} // namespace userblk
