// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/call_buffers.hpp"

#include <algorithm>

#include <sys/mman.h>

#include "tests/support/fd.hpp"

namespace userblk::fuzz {

namespace {

constexpr std::size_t page = 4096;
constexpr std::uint64_t kernel_address = 0xffff'8880'0000'1000;

std::uint8_t* mapped(void* at, std::size_t size, int protection, int flags, int fd) {
    void* result = mmap(at, size, protection, flags, fd, 0);
    if (result == MAP_FAILED)
        test::throw_errno("unable to map memory");
    return static_cast<std::uint8_t*>(result);
}

} // namespace

GuardedMemory::GuardedMemory(std::size_t size) : size_(size) {
    const test::Fd file(memfd_create("buffers", MFD_CLOEXEC));
    if (!file.open() || ftruncate(file.get(), static_cast<off_t>(size)))
        test::throw_errno("unable to make memory");
    base_ = mapped(nullptr, size + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    mapped(base_, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file.get());
    view_ = mapped(nullptr, size, PROT_READ, MAP_SHARED, file.get());
}

GuardedMemory::~GuardedMemory() {
    munmap(base_, size_ + page);
    munmap(view_, size_);
}

std::uint64_t GuardedMemory::address_of(Memory kind, std::size_t bytes) const {
    const auto base = reinterpret_cast<std::uintptr_t>(base_);
    bytes = std::min(bytes, size_);
    switch (kind) {
    case Memory::tight:
        return base + size_ - bytes;
    case Memory::edge:
        return base + size_ - bytes / 2;
    case Memory::read_only:
        return reinterpret_cast<std::uintptr_t>(view_);
    case Memory::unmapped:
        return base + size_;
    case Memory::null:
        return 0;
    case Memory::kernel:
        return kernel_address;
    default:
        return base;
    }
}

std::span<std::uint8_t> GuardedMemory::writable(Memory kind, std::size_t bytes) {
    bytes = std::min(bytes, size_);
    switch (kind) {
    case Memory::tight:
        return {base_ + size_ - bytes, bytes};
    case Memory::edge:
        return {base_ + size_ - bytes / 2, bytes / 2};
    case Memory::fitting:
    case Memory::good:
    case Memory::read_only:
        return {base_, bytes};
    default:
        return {};
    }
}

} // namespace userblk::fuzz
