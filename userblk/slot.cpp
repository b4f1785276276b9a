// SPDX-License-Identifier: MIT
#include "userblk/slot.hpp"

#include <algorithm>
#include <new>

namespace userblk {

namespace {

constexpr std::size_t alignment = 16;
/// A slot keeps no more than this: an operation that needs more allocates the rest each time.
constexpr std::size_t most_kept = 64 << 10;

} // namespace

Slot::~Slot() {
    ::operator delete(memory_);
}

void* Slot::allocate(std::size_t size) {
    static_assert(sizeof(Header) % alignment == 0);
    static_assert(__STDCPP_DEFAULT_NEW_ALIGNMENT__ >= alignment);
    const auto total = (sizeof(Header) + size + alignment - 1) / alignment * alignment;
    const bool fits = used_ + total <= capacity_;
    auto* const memory = fits ? memory_ + used_ : extra(total);
    const bool counts = used_ + total <= most_kept;
    auto* const header =
        new (memory) Header{this, used_, counts ? static_cast<std::uint32_t>(total) : 0};
    used_ += header->size;
    most_ = std::max(most_, used_);
    ++frames_;
    return memory + sizeof(Header);
}

[[gnu::cold]] std::byte* Slot::extra(std::size_t total) {
    return static_cast<std::byte*>(::operator new(total));
}

void Slot::free(void* memory) noexcept {
    auto* const begin = static_cast<std::byte*>(memory) - sizeof(Header);
    const auto header = *reinterpret_cast<const Header*>(begin);
    header.slot->free(header, begin);
}

void Slot::free(const Header& header, std::byte* memory) noexcept {
    if (memory != memory_ + header.begin)
        ::operator delete(memory);
    if (header.begin + header.size == used_)
        used_ = header.begin;
    if (--frames_ > 0)
        return;
    used_ = 0;
    if (most_ > capacity_)
        grow();
}

// Without memory, the slot stays as it is.
[[gnu::cold]] void Slot::grow() noexcept {
    void* const larger = ::operator new(most_, std::nothrow);
    if (larger == nullptr)
        return;
    ::operator delete(memory_);
    memory_ = static_cast<std::byte*>(larger);
    capacity_ = most_;
}

} // namespace userblk
