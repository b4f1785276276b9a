// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/log.hpp"
#include "userblk/pool.hpp"
#include "userblk/supervisor/supervisor_file.hpp"
#include "userblk/supervisor_record.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace userblk {

/// Internal: what a supervisor reports about itself: to the log, to the service manager, and in
/// its SupervisorFile. Every change of the record is written to the file at once.
class StatusReport {
public:
    StatusReport(std::uint32_t number, const PoolOptions& options);

    void log(LogLevel level, const std::string& text) const noexcept;
    /// See notify_service_manager().
    void notify_manager(const std::string& state) const noexcept;

    /// Creates the file; logs a failure.
    void publish(std::uint64_t diskseq);
    /// Removes the file; in a forked child, only closes it.
    void withdraw() noexcept { file_.reset(); }
    /// Of the file; nothing: it was not published.
    std::optional<std::string> path() const;

    const SupervisorRecord& record() const noexcept { return record_; }
    /// The error that keeps workers from starting or made a reload fail; empty: there is none.
    void set_error(const std::string& text) noexcept;
    void set_identity(const std::string& identity) noexcept;
    /// Sets the store's name if the record has none.
    void set_default_store(const std::string& store) noexcept;
    /// See SupervisorRecord::store_state.
    void set_store_state(const std::string& state) noexcept;

private:
    void set(std::string& field, const std::string& value) noexcept;
    void write() noexcept;

    std::uint32_t number_;
    LogFunction log_;
    bool notify_;
    SupervisorRecord record_;
    std::optional<SupervisorFile> file_;
};

} // namespace userblk
