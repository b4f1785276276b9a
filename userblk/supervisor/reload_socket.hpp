// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <sys/types.h>
#include <system_error>
#include <vector>

namespace userblk {

// Internal: the socket beside a supervisor's file on which clients request a reload, with other
// options if they want, and learn its outcome. Clients must be the supervisor's user or root.

/// What happens to a reload, in this order; a failure can replace either.
struct ReloadEvent {
    enum class Kind : char {
        begun = 'B', ///< new workers serve
        done = 'D',  ///< the old ones have exited
        failed = 'F' ///< text says why; the old ones continue
    };
    Kind kind = Kind::failed;
    std::string text;
};

/// A client that waits for the outcome, as the supervisor sees it. Its descriptor survives an exec.
class ReloadClient {
public:
    ReloadClient(abi::FileDescriptor fd, std::vector<std::string> requested)
        : change(std::move(requested)), fd_(std::move(fd)) {}

    void send(ReloadEvent::Kind kind, const std::string& text = {}) noexcept;
    /// Sets whether an exec leaves it open. @returns the descriptor
    int keep_open(bool keep) const noexcept;

    std::vector<std::string> change; ///< see PoolOptions::change; empty: none

private:
    abi::FileDescriptor fd_;
};

/// The supervisor's side.
class ReloadSocket {
public:
    /// @param file the supervisor's; the socket's name is made from it
    explicit ReloadSocket(const std::string& file);
    ReloadSocket(const ReloadSocket&) = delete;
    ReloadSocket& operator=(const ReloadSocket&) = delete;
    /// Removes the socket; in a forked child, only closes it.
    ~ReloadSocket();

    std::error_code error() const noexcept { return error_; }
    /// Readable when a client has connected.
    int fd() const noexcept { return fd_.get(); }
    /// Nothing: the client has no permission, or sent no request.
    std::optional<ReloadClient> accept() noexcept;

private:
    std::string path_;
    abi::FileDescriptor fd_;
    pid_t owner_;
    std::error_code error_;
};

/// The client's side.
class ReloadRequest {
public:
    /// @param file the supervisor's; @param supervisor its pid, 0 if that is hidden
    /// @throws std::system_error: ENOENT or ECONNREFUSED if it has no socket, as those of
    ///         earlier builds; EACCES
    ReloadRequest(const std::string& file, pid_t supervisor,
                  const std::vector<std::string>& change);

    /// Nothing: the time is over.
    std::optional<ReloadEvent> wait(std::chrono::milliseconds limit);

private:
    abi::FileDescriptor fd_;
};

} // namespace userblk
