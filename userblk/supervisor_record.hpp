// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace userblk {

/// What a supervisor publishes about itself in its file (see SupervisorFile), for people and
/// tools. A field that it omits is empty or 0.
///
/// In the file each field is a line, "NAME=VALUE"; control characters and "%" in a value are
/// written as "%" and two hexadecimal digits. Readers skip unknown lines.
struct SupervisorRecord {
    pid_t pid = 0;             ///< as seen by the reader; 0: not visible. Not in the file
    std::uint64_t diskseq = 0; ///< of the device
    std::string store;         ///< as on a command line, with absolute paths: "file:/srv/disk.img"
    std::string identity;      ///< of the store: equal for all that have the same store
    /// "removed": its path is gone; "replaced": another file has its path. The pool serves the
    /// store either way. Empty: neither is known.
    std::string store_state;
    std::string error; ///< why workers do not start, or why a reload failed; empty: no error
    std::int64_t error_time = 0; ///< when it began; seconds since 1970
    unsigned workers = 0;        ///< configured number of processes
    unsigned threads = 0;        ///< per process
    /// All options given, as on a command line: "--redirect", "--spares=2".
    std::vector<std::string> options;

    std::string to_text() const;
    static SupervisorRecord from_text(const std::string& text);
};

/// The records of the live supervisors of device @p number, by pid, without that of the
/// calling process. A supervisor that publishes nothing has an empty record.
std::vector<SupervisorRecord> supervisor_records(std::uint32_t number);

} // namespace userblk
