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

// Internal: how a supervisor is asked to reload, with other options too, and says what came of
// it: a socket beside its file. Who asks must be the supervisor's user or root.

/// What comes of a reload, in this order; a failure may come in place of any.
struct ReloadNews {
    enum class Kind : char {
        begun = 'B', ///< new workers serve
        done = 'D',  ///< the old ones have ended
        failed = 'F' ///< text says why; the old ones go on
    };
    Kind kind = Kind::failed;
    std::string text;
};

/// The supervisor's side of one who asked, and waits. It survives an exec by its descriptor.
class ReloadClient {
public:
    ReloadClient(abi::FileDescriptor fd, std::vector<std::string> wanted)
        : change(std::move(wanted)), fd_(std::move(fd)) {}

    void tell(ReloadNews::Kind kind, const std::string& text = {}) noexcept;
    /// Whether an exec leaves it open. @returns the descriptor
    int keep_open(bool keep) const noexcept;

    std::vector<std::string> change; ///< what is to be changed; empty: nothing

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
    /// In a forked child it does nothing.
    ~ReloadSocket();

    std::error_code error() const noexcept { return error_; }
    /// Readable when somebody asks.
    int fd() const noexcept { return fd_.get(); }
    /// Nothing: it was nobody who may, or he asked for nothing.
    std::optional<ReloadClient> accept() noexcept;

private:
    std::string path_;
    abi::FileDescriptor fd_;
    pid_t owner_;
    std::error_code error_;
};

/// The side of who asks.
class ReloadRequest {
public:
    /// Asks the supervisor whose file this is and whose pid, 0 if that is hidden.
    /// @throws std::system_error: ENOENT or ECONNREFUSED if it has no socket, as those of
    ///         earlier builds; EACCES
    ReloadRequest(const std::string& file, pid_t supervisor,
                  const std::vector<std::string>& change);

    /// Nothing: the time is over.
    std::optional<ReloadNews> wait(std::chrono::milliseconds limit);

private:
    abi::FileDescriptor fd_;
};

} // namespace userblk
