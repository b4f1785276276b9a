// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"

#include <optional>
#include <string>
#include <utility>

struct statx;

namespace userblk {

/// Internal: the state of the name of an open file.
enum class StoreName {
    same,    ///< it names that file
    removed, ///< it names nothing: the file was removed or renamed
    replaced ///< it names another file
};

/// Internal: checks whether the name by which a store was opened still leads to it, through
/// symbolic links. Never waits for a disk or a server, either of which may depend on the caller:
/// what only they know is looked up by a process of its own.
class StoreNameCheck {
public:
    /// @param fd must stay open; -1: nothing to check
    /// @param path its name; absolute
    StoreNameCheck(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

    /// Nothing: it is being looked up.
    std::optional<StoreName> check();
    /// Readable when result() should be called; -1: nothing is being looked up.
    int lookup_fd() const noexcept { return lookup_.get(); }
    /// Of what was looked up; nothing: that failed.
    std::optional<StoreName> result() noexcept;

private:
    void look_up(const struct statx& held) noexcept;

    int fd_;
    std::string path_;
    abi::FileDescriptor lookup_; ///< a pipe
};

/// Internal: reopens the file open as @p fd, even if its name now leads elsewhere. Without /proc
/// it can only find the file by that name, @p path.
/// @throws std::system_error "unable to open PATH"; std::runtime_error without /proc if @p path
///         is another file
abi::FileDescriptor open_again(int fd, const std::string& path, int flags);

} // namespace userblk
