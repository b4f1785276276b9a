// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <stdexcept>
#include <string>

namespace userblk::cli {

/// A request of the user that fails; the text says why, and what would help. Exit
/// status 1.
class Failure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Invalid usage; exit status 2.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

enum ExitStatus : int {
    exit_success = 0,
    exit_failure = 1, ///< failure
    exit_usage = 2,   ///< invalid usage
    exit_pending = 3  ///< requests of dead processes are pending (userblk-recover)
};

/// The text of an exception for the user.
std::string explain(const std::exception& error);

/// Writes "PROGRAM: TEXT" to standard error in one write, with terminal control
/// characters escaped.
void complain(const std::string& program, const std::string& text);

} // namespace userblk::cli
