// SPDX-License-Identifier: MIT
#include "bench/ublk/system.hpp"

#include <cerrno>
#include <fcntl.h>
#include <iostream>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>

namespace userblk::bench::ublk {

void throw_error(const std::string& operation, int error) {
    throw std::system_error(error, std::generic_category(), "unable to " + operation);
}

void complain(const std::string& text) {
    std::cerr << "ublk-target: " + text + '\n';
}

FileDescriptor::FileDescriptor(const std::string& path, int flags)
    : fd_(::open(path.c_str(), flags | O_CLOEXEC)) {
    if (fd_ < 0)
        throw_error("open " + path, errno);
}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

FileDescriptor::~FileDescriptor() {
    if (fd_ >= 0)
        ::close(fd_);
}

Mapping::Mapping(void* base, std::size_t size, const std::string& what)
    : bytes_(static_cast<std::byte*>(base), size) {
    if (base == MAP_FAILED) {
        bytes_ = {};
        throw_error("map " + what, errno);
    }
}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
}

Mapping::~Mapping() {
    if (!bytes_.empty())
        ::munmap(bytes_.data(), bytes_.size());
}

Mapping Mapping::memory(std::size_t size, const std::string& what) {
    Mapping result(
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size,
        what);
    // Fails where the kernel has no huge pages; small ones serve then.
    ::madvise(result.data(), size, MADV_HUGEPAGE);
    if (::madvise(result.data(), size, MADV_POPULATE_WRITE) < 0)
        throw_error("have the memory of " + what, errno);
    return result;
}

Mapping Mapping::file(const FileDescriptor& file, std::size_t size, const std::string& what) {
    return {::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0), size, what};
}

Mapping Mapping::device(const FileDescriptor& file, std::uint64_t offset, std::size_t size,
                        const std::string& what) {
    return {::mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, file.get(),
                   static_cast<off_t>(offset)),
            size, what};
}

} // namespace userblk::bench::ublk
