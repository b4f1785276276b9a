// SPDX-License-Identifier: MIT
#include "userblk/shared_memory.hpp"

#include "ioctl/error.hpp"

#include <string>
#include <sys/mman.h>
#include <utility>

namespace userblk {

SharedMemory::SharedMemory(std::uint64_t size) {
    void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED)
        abi::throw_errno("map " + std::to_string(size) + " bytes of shared memory");
    bytes_ = {static_cast<std::byte*>(address), size};
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
}

SharedMemory::~SharedMemory() {
    if (!bytes_.empty())
        ::munmap(bytes_.data(), bytes_.size());
}

} // namespace userblk
