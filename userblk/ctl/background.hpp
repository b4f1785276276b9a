// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/log.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <sys/types.h>

namespace userblk::ctl {

/// What a process in the background says to the one that started it, until it
/// is ready; afterwards nobody listens and nothing is sent.
class Reporter {
public:
    explicit Reporter(abi::FileDescriptor channel) : channel_(std::move(channel)) {}

    void message(LogLevel level, const std::string& text) noexcept;
    void ready() noexcept;

private:
    void send(char kind, const std::string& text) noexcept;

    abi::FileDescriptor channel_;
};

/// A process in the background, as the one sees it that started it.
class Background {
public:
    /// Forks. In the child, which gets a session of its own, no terminal, and /
    /// as its folder, @p work is run and ends the process with what it returns.
    /// @throws std::system_error
    explicit Background(const std::function<int(Reporter&)>& work);

    /// Waits until the process says that it is ready, and prints the messages of
    /// it that are warnings or worse to standard error meanwhile. False: the time
    /// is over.
    /// @throws Failure if the process has ended
    bool wait_ready(std::chrono::nanoseconds limit);

    /// Asks the process to end, at last with force, and waits for that.
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
