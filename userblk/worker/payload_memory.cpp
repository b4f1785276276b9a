// SPDX-License-Identifier: MIT
#include "userblk/worker/payload_memory.hpp"

#include "ioctl/error.hpp"

#include <sys/mman.h>

namespace userblk {

PayloadMemory::PayloadMemory(std::size_t size) {
    void* const address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED)
        abi::throw_errno("map memory for requests");
    bytes_ = {static_cast<std::byte*>(address), size};
    // A huge page would allocate 2 MiB for the first small request.
    ::madvise(address, size, MADV_NOHUGEPAGE);
}

PayloadMemory::~PayloadMemory() {
    ::munmap(bytes_.data(), bytes_.size());
}

std::error_code PayloadMemory::preload() noexcept {
    if (::madvise(bytes_.data(), bytes_.size(), MADV_POPULATE_WRITE) < 0)
        return abi::last_error();
    return {};
}

void PayloadMemory::release() noexcept {
    ::madvise(bytes_.data(), bytes_.size(), MADV_DONTNEED);
}

} // namespace userblk
