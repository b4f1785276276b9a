// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <system_error>
#include <vector>

namespace userblk {

/// Internal: what a reload has to go on with in the program that was executed for it.
struct Reload {
    int client = -1;      ///< an open descriptor, see ReloadClient
    std::string identity; ///< of the store so far
    int store = -1;       ///< an open descriptor of that, see PoolOptions::store_fd
    bool anew = false;    ///< the program is to open its store by name; otherwise it is that one
    /// Executed again if the new workers do not start; empty: they are to go on with this one.
    std::vector<std::string> previous;
    bool gone_back = false; ///< this is the previous one
    std::string failure;    ///< why it has gone back

    std::string to_text() const;
    static Reload from_text(const std::string& text);
};

/// Internal: what a supervisor tells the program that it executes in its own
/// place, in an environment variable: the device, and its children at work.
struct ReexecState {
    std::uint32_t number = 0;
    std::vector<pid_t> workers; ///< that serve
    std::vector<pid_t> leaving; ///< that were told to end
    std::string note;
    /// In a variable of its own, which earlier builds do not know.
    Reload reload{};

    std::string to_text() const;
    static std::optional<ReexecState> from_text(const std::string& text);

    /// What this process was given; nothing if it is no continuation. Its descriptor of the
    /// store is one, and is not inherited any further.
    static std::optional<ReexecState> received();
    /// From now on this process is none, nor are its children.
    static void forget() noexcept;
};

/// Executes @p program (its path and arguments) in place of this process, with
/// @p handover. Returns only an error.
std::error_code execute(const std::vector<std::string>& program, const ReexecState& handover);

} // namespace userblk
