// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace userblk {

/// What a supervisor says about itself in its file (see SupervisorFile), for people and
/// tools. What it does not say stays empty or 0.
///
/// In the file each of them is a line, "NAME=VALUE", with control characters and "%" in a
/// value written as "%" and two hexadecimal digits. Unknown lines are skipped.
struct SupervisorRecord {
    pid_t pid = 0;             ///< as it is seen from here; 0: it cannot be. Not in the file
    std::uint64_t diskseq = 0; ///< of the device
    std::string store;         ///< as a command line says it, paths absolute: "file:/srv/disk.img"
    std::string identity;      ///< of the store: the same for everybody who has the same
    /// "removed": its name is gone; "replaced": another file has it. The store is served all the
    /// same. Empty: neither is known.
    std::string store_state;
    std::string error; ///< why workers do not start, or a reload failed; empty: all is well
    std::int64_t error_time = 0; ///< since when; seconds since 1970
    unsigned workers = 0;        ///< processes that there are to be
    unsigned threads = 0;        ///< of each
    /// All that was asked for, as on a command line: "--redirect", "--spares=2".
    std::vector<std::string> options;

    std::string to_text() const;
    static SupervisorRecord from_text(const std::string& text);
};

/// The records of the living supervisors of device @p number, by pid; one that says nothing
/// has an empty record. That of the calling process is not among them.
std::vector<SupervisorRecord> supervisor_records(std::uint32_t number);

} // namespace userblk
