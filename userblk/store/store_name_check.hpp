// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"

#include <string>

namespace userblk {

/// Internal: what has become of the name of an open file.
enum class StoreName {
    same,    ///< it names that file, or nothing else is known
    removed, ///< it names nothing: the file was removed or renamed
    replaced ///< it names another file
};

/// Internal: looks at the name by which a store was opened. Never waits for a disk or a server:
/// what only these could tell is taken for unchanged.
class StoreNameCheck {
public:
    /// @param fd open, and stays so; -1: there is nothing to look at
    /// @param path its name; must not depend on a folder
    StoreNameCheck(int fd, std::string path);
    StoreName look() const;

private:
    int fd_;
    std::string path_;
    std::string first_name_; ///< as the kernel has it
    abi::FileDescriptor folder_;
    std::string folder_name_;
};

/// Internal: opens a file again that is open as @p fd, whatever has its name by now. Without
/// /proc it can only be found by that name, @p path.
/// @throws std::system_error "unable to open PATH"; std::runtime_error if it was found by its name
///         and that is another file's
abi::FileDescriptor open_again(int fd, const std::string& path, int flags);

} // namespace userblk
