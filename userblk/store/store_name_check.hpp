// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"

#include <string>

namespace userblk {

/// Internal: the state of the name of an open file.
enum class StoreName {
    same,    ///< it names that file, as far as known
    removed, ///< it names nothing: the file was removed or renamed
    replaced ///< it names another file
};

/// Internal: checks the name by which a store was opened. Never waits for a disk or a server:
/// what only they know counts as unchanged.
class StoreNameCheck {
public:
    /// @param fd must stay open; -1: nothing to check
    /// @param path its name; absolute
    StoreNameCheck(int fd, std::string path);
    StoreName check() const;

private:
    int fd_;
    std::string path_;
    std::string first_name_; ///< as the kernel reports it
    abi::FileDescriptor folder_;
    std::string folder_name_;
};

/// Internal: reopens the file open as @p fd, even if its name now leads elsewhere. Without /proc
/// it can only find the file by that name, @p path.
/// @throws std::system_error "unable to open PATH"; std::runtime_error without /proc if @p path
///         is another file
abi::FileDescriptor open_again(int fd, const std::string& path, int flags);

} // namespace userblk
