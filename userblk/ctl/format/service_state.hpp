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
    bool ever = false;                    ///< a process has asked for requests
    std::optional<std::uint32_t> servers; ///< live servers; nothing: an old module
    std::chrono::nanoseconds unserved{};  ///< how long there have been none

    /// "new", "served" or "unserved".
    std::string state() const;
    /// A sentence: "served by 4 processes", "unserved for 2h, since ...".
    std::string text() const;
};

/// Their process ids; 0: not visible from here.
std::vector<pid_t> pids_of(const std::vector<Announcement>& supervisors);

/// The records of the live supervisors of a device, not of an earlier device with its
/// number. @param diskseq the device's; 0: unknown
std::vector<SupervisorRecord> serving_records(std::uint32_t number, std::uint64_t diskseq);

/// The stores in the records, each once, in the order of the supervisors.
std::vector<std::string> stores_of(const std::vector<SupervisorRecord>& records);
/// The same as text, separated by ", ", each with its state; empty if none is known.
std::string stores_text(const std::vector<SupervisorRecord>& records);

/// Why a supervisor starts no workers, and since when; empty: no error.
std::string error_text(const SupervisorRecord& record);

/// "4 workers of 2 threads, --redirect".
std::string options_text(const SupervisorRecord& record);
/// A list; each entry has the process id, store, store state, workers, threads, options, and the
/// reason why the supervisor starts no workers.
void write(cli::JsonWriter& json, const std::vector<SupervisorRecord>& records);

} // namespace userblk::ctl
