// SPDX-License-Identifier: MIT
#include "userblk/worker/payload_buffers.hpp"

#include <algorithm>

namespace userblk {

namespace {
constexpr std::size_t page = 4096;
constexpr std::size_t least_heap = 512 << 10;

constexpr std::size_t heap_start(std::size_t max_transfer, unsigned records) noexcept {
    return max_transfer + (records - 1) * PayloadBuffers::small_buffer;
}
} // namespace

PayloadBuffers::PayloadBuffers(std::size_t max_transfer, unsigned records)
    : memory_(heap_start(max_transfer, records) + std::max(max_transfer, least_heap)),
      filled_(records), max_transfer_(max_transfer), heap_(heap_start(max_transfer, records)) {}

std::span<std::byte> PayloadBuffers::buffer(unsigned record) const noexcept {
    if (record == 0)
        return memory_.bytes().first(max_transfer_);
    return memory_.bytes().subspan(max_transfer_ + (record - 1) * small_buffer, small_buffer);
}

std::span<std::byte> PayloadBuffers::allocate(std::size_t length) noexcept {
    const auto heap = memory_.bytes().subspan(heap_);
    if (length > heap.size() - used_)
        return {};
    const auto result = heap.subspan(used_, length);
    used_ = std::min(heap.size(), used_ + (length + page - 1) / page * page);
    touched_heap_ = std::max(touched_heap_, used_);
    return result;
}

void PayloadBuffers::trim() noexcept {
    memory_.release();
    std::fill(filled_.begin(), filled_.end(), 0);
    touched_buffers_ = touched_heap_ = 0;
}

} // namespace userblk
