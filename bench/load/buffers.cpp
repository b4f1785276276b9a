// SPDX-License-Identifier: MIT
#include "bench/load/buffers.hpp"

#include "ioctl/error.hpp"

#include <cstring>
#include <sys/mman.h>

namespace userblk::bench {

namespace {
constexpr std::size_t page = 4096;
}

Buffers::Buffers(unsigned count, std::size_t size) : stride_((size + page - 1) / page * page) {
    const std::size_t bytes = stride_ * count;
    void* const memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        abi::throw_errno("map memory for the requests");
    memory_ = {static_cast<std::byte*>(memory), bytes};
    std::memset(memory, 0x5a, bytes);
}

Buffers::~Buffers() {
    ::munmap(memory_.data(), memory_.size());
}

} // namespace userblk::bench
