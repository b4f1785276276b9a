// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <stdexcept>
#include <string>

namespace userblk::cli {

/// What a person asked for cannot be done; the text tells why, and what would
/// help. Ends a program with exit status 1.
class Failure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// What a person asked for makes no sense; exit status 2.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

enum ExitStatus : int {
    exit_success = 0,
    exit_failure = 1, ///< it could not be done
    exit_usage = 2,   ///< it was asked for in a wrong way
    exit_pending = 3  ///< requests of the dead are pending (userblk-recover)
};

/// An exception as a sentence for people.
std::string explain(const std::exception& error);

/// Writes "PROGRAM: TEXT" to standard error, in one piece, with what would act on
/// a terminal escaped.
void complain(const std::string& program, const std::string& text);

} // namespace userblk::cli
