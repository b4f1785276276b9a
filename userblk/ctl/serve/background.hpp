// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/log.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <sys/types.h>

namespace userblk::ctl {

/// Sends messages from a background process to the one that started it, until it is
/// ready; afterwards it sends nothing.
class Reporter {
public:
    explicit Reporter(abi::FileDescriptor channel) : channel_(std::move(channel)) {}

    void message(LogLevel level, const std::string& text) noexcept;
    void ready() noexcept;

private:
    void send(char kind, const std::string& text) noexcept;

    abi::FileDescriptor channel_;
};

/// A background process, from the point of view of the process that started it.
class Background {
public:
    /// Forks. The child, with its own session, no terminal, and / as its directory,
    /// runs @p work and exits with its result.
    /// @throws std::system_error
    explicit Background(const std::function<int(Reporter&)>& work);

    /// Waits until the process reports that it is ready, and prints its messages of
    /// level warning or worse to standard error meanwhile. False: timeout.
    /// @throws Failure if the process has exited
    bool wait_ready(std::chrono::nanoseconds limit);

    /// Stops the process, by force if necessary, and waits until it has exited.
    void stop() noexcept;

private:
    bool take_message();
    bool wait_end(std::chrono::milliseconds limit) noexcept;

    pid_t pid_ = -1;
    abi::FileDescriptor pidfd_;
    abi::FileDescriptor channel_;
    bool ready_ = false;
};

} // namespace userblk::ctl
