// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>

namespace userblk {

enum class LogLevel { error, warning, notice, information, debug };

/// Where the library's messages go: one line each, without a newline. May be
/// called from any thread, and in the worker processes as well as in the
/// supervisor, so it must not depend on a thread that fork does not copy. It is
/// never called for a single request. What it throws is ignored. An empty
/// function drops the messages.
using LogFunction = std::function<void(LogLevel, const std::string& text)>;

/// What is said above of calling it: nothing if it is empty, and nothing comes out of it.
void write_log(const LogFunction& log, LogLevel level, const std::string& text) noexcept;

/// "error", "warning", "notice", "information" or "debug".
const char* to_string(LogLevel level) noexcept;

/// Writes "PROGRAM[PID]: TEXT" to standard error, each message in one write, up
/// to and including @p most verbose.
LogFunction log_to_stderr(std::string program, LogLevel most = LogLevel::information);

} // namespace userblk
