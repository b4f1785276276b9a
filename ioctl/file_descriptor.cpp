// SPDX-License-Identifier: MIT
#include "ioctl/file_descriptor.hpp"

#include "ioctl/error.hpp"

#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace userblk::abi {

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
    if (this != &other)
        reset(other.release());
    return *this;
}

FileDescriptor FileDescriptor::open(const char* path, int flags, unsigned mode) {
    FileDescriptor fd(::open(path, flags | O_CLOEXEC, mode));
    if (!fd)
        throw_errno(std::string("open ") + path);
    return fd;
}

void FileDescriptor::reset(int fd) noexcept {
    // Linux closes the descriptor even when close() reports an error.
    if (fd_ >= 0)
        ::close(fd_);
    fd_ = fd;
}

} // namespace userblk::abi
