// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/supervisor/supervisor_file.hpp"
#include "userblk/supervisor_record.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace userblk::cli {
class JsonWriter;
}

namespace userblk::ctl {

/// Whether a device is served now, by how many processes.
struct Service {
    bool ever = false;                    ///< somebody has taken a request
    std::optional<std::uint32_t> servers; ///< processes that live; an old module does not tell
    std::chrono::nanoseconds unserved{};  ///< how long there have been none

    /// "new", "served" or "unserved".
    std::string state() const;
    /// A sentence for people: "served by 4 processes", "unserved for 2h, since ...".
    std::string text() const;
};

/// Their process ids; 0: it cannot be seen from here.
std::vector<pid_t> pids_of(const std::vector<Announcement>& supervisors);

/// What the living supervisors of a device say about themselves; not of one that had
/// its number before. @param diskseq the device's; 0: not known
std::vector<SupervisorRecord> serving_records(std::uint32_t number, std::uint64_t diskseq);

/// The stores that they name, each once, in the order of the supervisors.
std::vector<std::string> stores_of(const std::vector<SupervisorRecord>& records);
/// The same for people, with ", " between them and what has become of each; empty if none is
/// known.
std::string stores_text(const std::vector<SupervisorRecord>& records);

/// Why a supervisor starts no workers, and since when; empty: it has no trouble.
std::string error_text(const SupervisorRecord& record);

/// "4 workers of 2 threads, --redirect".
std::string options_text(const SupervisorRecord& record);
/// Each with its process id, store, what has become of that, workers, threads, options, and why
/// it starts no workers: a list.
void write(cli::JsonWriter& json, const std::vector<SupervisorRecord>& records);

} // namespace userblk::ctl
