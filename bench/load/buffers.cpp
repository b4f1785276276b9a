// SPDX-License-Identifier: MIT
#include "bench/load/buffers.hpp"

#include "ioctl/error.hpp"
#include "ioctl/file_descriptor.hpp"

#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

namespace userblk::bench {

namespace {
constexpr std::size_t page = 4096;

std::size_t round_up(std::size_t size) {
    return (size + page - 1) / page * page;
}

std::span<std::byte> map(std::size_t bytes, int flags, int fd) {
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (memory == MAP_FAILED)
        abi::throw_errno("map memory for the requests");
    return {static_cast<std::byte*>(memory), bytes};
}

// All of the file: where its pages are huge, a mapping begins and ends with one.
std::span<std::byte> map_file(const std::string& path) {
    const auto file = abi::FileDescriptor::open(path.c_str(), O_RDWR);
    const auto size = ::lseek(file.get(), 0, SEEK_END);
    if (size < 0)
        abi::throw_errno("find the size of " + path);
    return map(static_cast<std::size_t>(size), MAP_SHARED, file.get());
}

} // namespace

Buffers::Buffers(unsigned count, std::size_t size)
    : stride_(round_up(size)), mapping_(map(stride_ * count, MAP_PRIVATE | MAP_ANONYMOUS, -1)),
      memory_(mapping_.data()) {
    std::memset(memory_, 0x5a, stride_ * count);
}

Buffers::Buffers(unsigned count, std::size_t size, const std::string& path, unsigned index)
    : stride_(round_up(size)), mapping_(map_file(path)),
      memory_(mapping_.data() + stride_ * count * index) {
    if (stride_ * count * (index + 1) > mapping_.size()) {
        ::munmap(mapping_.data(), mapping_.size());
        throw std::invalid_argument(path + " is too small for the requests' buffers");
    }
    std::memset(memory_, 0x5a, stride_ * count);
}

Buffers::~Buffers() {
    ::munmap(mapping_.data(), mapping_.size());
}

} // namespace userblk::bench
