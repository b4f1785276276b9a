// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>

namespace userblk {

enum class LogLevel { error, warning, notice, information, debug };

/// Receives the library's messages: one line each, without a newline. Any thread
/// may call it, in the worker processes and in the supervisor, so it must not depend
/// on a thread that fork does not copy. It is never called once per request. Its
/// exceptions are ignored. An empty function drops the messages.
using LogFunction = std::function<void(LogLevel, const std::string& text)>;

/// Calls @p log by the rules above: not if it is empty, and ignores its exceptions.
void write_log(const LogFunction& log, LogLevel level, const std::string& text) noexcept;

/// "error", "warning", "notice", "information" or "debug".
const char* to_string(LogLevel level) noexcept;

/// Writes "PROGRAM[PID]: TEXT" to standard error, one write per message, for levels up
/// to and including @p most.
LogFunction log_to_stderr(std::string program, LogLevel most = LogLevel::information);

} // namespace userblk
