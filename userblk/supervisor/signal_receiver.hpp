// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"

#include <chrono>
#include <csignal>
#include <optional>
#include <sys/types.h>

namespace userblk {

/// Internal: blocks the signals that control a supervisor and reads them from a descriptor. They
/// are unblocked when the object is destroyed.
class SignalReceiver {
public:
    enum class Request {
        stop,  ///< SIGTERM or SIGINT
        reload ///< SIGHUP
    };

    SignalReceiver() = default;
    SignalReceiver(const SignalReceiver&) = delete;
    SignalReceiver& operator=(const SignalReceiver&) = delete;
    ~SignalReceiver();

    /// @throws std::system_error
    void start();
    /// Unblocks the signals in the end even if they were blocked before start(): the program that
    /// this one has replaced had blocked them for itself.
    void unblock_at_end() noexcept;
    void close() noexcept { fd_.reset(); }

    /// Readable when next() has something.
    int fd() const noexcept { return fd_.get(); }
    /// Leaves SIGTERM pending, for the program that replaces this one: a blocked signal outlasts an
    /// exec, whichever build is executed.
    static void leave_stop_request() noexcept;
    /// Takes that back.
    static void withdraw_stop_request() noexcept;

    /// Nothing: there is no more. Signals of one process within a second count as one request.
    std::optional<Request> next() noexcept;

private:
    using Clock = std::chrono::steady_clock;

    bool repeats_last(pid_t sender) noexcept;

    abi::FileDescriptor fd_; ///< a signalfd
    std::optional<sigset_t> mask_before_;
    pid_t last_sender_ = 0;
    Clock::time_point last_time_{};
};

} // namespace userblk
