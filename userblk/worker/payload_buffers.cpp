// SPDX-License-Identifier: MIT
#include "userblk/worker/payload_buffers.hpp"

#include "ioctl/error.hpp"

#include <algorithm>
#include <sys/mman.h>

namespace userblk {

namespace {
constexpr std::size_t page = 4096;
constexpr std::size_t least_heap = 512 << 10;
} // namespace

PayloadBuffers::PayloadBuffers(std::size_t max_transfer, unsigned records)
    : filled_(records), max_transfer_(max_transfer),
      heap_(max_transfer + (records - 1) * small_buffer) {
    const std::size_t size = heap_ + std::max(max_transfer, least_heap);
    void* const address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED)
        abi::throw_errno("map memory for requests");
    memory_ = {static_cast<std::byte*>(address), size};
    // A huge page would allocate 2 MiB for the first small request.
    ::madvise(address, size, MADV_NOHUGEPAGE);
}

PayloadBuffers::~PayloadBuffers() {
    ::munmap(memory_.data(), memory_.size());
}

std::span<std::byte> PayloadBuffers::buffer(unsigned record) const noexcept {
    if (record == 0)
        return memory_.first(max_transfer_);
    return memory_.subspan(max_transfer_ + (record - 1) * small_buffer, small_buffer);
}

std::span<std::byte> PayloadBuffers::allocate(std::size_t length) noexcept {
    const auto heap = memory_.subspan(heap_);
    if (length > heap.size() - used_)
        return {};
    const auto result = heap.subspan(used_, length);
    used_ = std::min(heap.size(), used_ + (length + page - 1) / page * page);
    touched_heap_ = std::max(touched_heap_, used_);
    return result;
}

std::error_code PayloadBuffers::preload() noexcept {
    if (::madvise(memory_.data(), memory_.size(), MADV_POPULATE_WRITE) < 0)
        return abi::last_error();
    return {};
}

void PayloadBuffers::trim() noexcept {
    ::madvise(memory_.data(), memory_.size(), MADV_DONTNEED);
    std::fill(filled_.begin(), filled_.end(), 0);
    touched_buffers_ = touched_heap_ = 0;
}

} // namespace userblk
