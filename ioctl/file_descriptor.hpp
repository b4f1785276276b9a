// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

namespace userblk::abi {

/// Owns one file descriptor and closes it. Move-only.
///
/// A moved-from or default object owns none. Not synchronized: a thread may
/// move or reset it only while no other thread uses it; any number may call get().
class FileDescriptor {
public:
    FileDescriptor() noexcept = default;
    /// Takes ownership of @p fd; negative: none.
    explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept;
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() { reset(); }

    /// Opens @p path with O_CLOEXEC added to @p flags.
    /// @throws std::system_error "unable to open PATH"
    static FileDescriptor open(const char* path, int flags, unsigned mode = 0);

    /// The descriptor, still owned by this object; -1 if there is none.
    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    /// Releases the descriptor; the caller closes it.
    int release() noexcept { return std::exchange(fd_, -1); }
    /// Closes the current descriptor and takes ownership of @p fd.
    void reset(int fd = -1) noexcept;

private:
    int fd_ = -1;
};

} // namespace userblk::abi
