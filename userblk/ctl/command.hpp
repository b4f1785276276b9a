// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/cli/explain.hpp"

#include <memory>
#include <string>
#include <vector>

namespace userblk::ctl {

using cli::exit_failure;
using cli::exit_success;
using cli::Failure;
using cli::UsageError;

inline constexpr const char* program_name = "userblkctl";

class CommandLine;

/// A command of userblkctl: it declares its options, which the parser then sets, and
/// runs once.
class Command {
public:
    Command() = default;
    Command(const Command&) = delete;
    Command& operator=(const Command&) = delete;
    virtual ~Command() = default;

    virtual std::string name() const = 0;
    /// One sentence for the list of commands.
    virtual std::string summary() const = 0;
    /// More for the command's own help.
    virtual std::string details() const { return {}; }
    /// Declares options and arguments; they are members of the command.
    virtual void declare(CommandLine& line) = 0;
    /// Runs the command and returns the exit status.
    /// @throws UsageError, Failure, and the exceptions of the library
    virtual int run() = 0;
};

/// All commands in the order of the help text.
std::vector<std::unique_ptr<Command>> all_commands();

/// The command line that this process was started with, the program first.
const std::vector<std::string>& program_arguments();

} // namespace userblk::ctl
