// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <system_error>
#include <vector>

namespace userblk {

/// Internal: the state of a reload that the executed program continues.
struct ReloadState {
    int client = -1;          ///< an open descriptor, see ReloadClient
    std::string identity;     ///< of the store of the old workers
    int store = -1;           ///< an open descriptor of it, see PoolOptions::store_fd
    bool opens_store = false; ///< the program opens its store by name; otherwise it is that one
    /// Executed again if this program fails before it has taken over, or, if it is another one, if
    /// the new workers do not start. Empty: there is none to go back to.
    std::vector<std::string> previous;
    bool reverted = false; ///< this is the previous program, executed again
    std::string failure;   ///< why it was

    std::string to_text() const;
    static ReloadState from_text(const std::string& text);
};

/// Internal: what a supervisor passes to the program that replaces it (exec), in environment
/// variables: the device, and its worker processes.
struct ReexecState {
    std::uint32_t number = 0;
    std::vector<pid_t> workers;  ///< that serve
    std::vector<pid_t> draining; ///< that were asked to stop
    std::string note;            ///< see PoolOptions::reexec_note
    /// In a variable of its own, which earlier builds do not know.
    ReloadState reload{};

    std::string to_text() const;
    static std::optional<ReexecState> from_text(const std::string& text);

    /// What this process was passed; nothing if it was not executed by a supervisor. The descriptor
    /// of the store is valid, and is not inherited further.
    static std::optional<ReexecState> received();
    /// From now on, this process and its children count as freshly started.
    static void forget() noexcept;
};

/// Replaces this process by @p program (its path and arguments) and passes @p state to it.
/// Returns only an error.
std::error_code execute(const std::vector<std::string>& program, const ReexecState& state);

} // namespace userblk
