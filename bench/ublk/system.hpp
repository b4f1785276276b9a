// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace userblk::bench::ublk {

/// @throws std::system_error "unable to OPERATION: ERROR TEXT"
[[noreturn]] void throw_error(const std::string& operation, int error);

/// A line on standard error.
void complain(const std::string& text);

/// Owns one file descriptor.
class FileDescriptor {
public:
    FileDescriptor() noexcept = default;
    /// @throws std::system_error
    FileDescriptor(const std::string& path, int flags);
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept;
    ~FileDescriptor();

    int get() const noexcept { return fd_; }

private:
    int fd_ = -1;
};

/// Owns mapped memory.
class Mapping {
public:
    Mapping() noexcept = default;
    Mapping(Mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
    Mapping& operator=(Mapping&& other) noexcept;
    ~Mapping();

    /// Zeros, resident from the start, so that no request pays for a page fault, and in huge pages
    /// where the system has them. @p what is for the error message.
    /// @throws std::system_error
    static Mapping memory(std::size_t size, const std::string& what);

    /// The beginning of a file, readable and writable.
    /// @throws std::system_error
    static Mapping file(const FileDescriptor& file, std::size_t size, const std::string& what);

    /// Memory that a device exposes for reading.
    /// @throws std::system_error
    static Mapping device(const FileDescriptor& file, std::uint64_t offset, std::size_t size,
                          const std::string& what);

    std::byte* data() const noexcept { return bytes_.data(); }
    std::size_t size() const noexcept { return bytes_.size(); }
    explicit operator bool() const noexcept { return !bytes_.empty(); }

private:
    Mapping(void* base, std::size_t size, const std::string& what);

    std::span<std::byte> bytes_;
};

} // namespace userblk::bench::ublk
