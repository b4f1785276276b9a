// SPDX-License-Identifier: MIT
#include "buffer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <sys/mman.h>

#include "fd.hpp"

namespace userblk::test {

namespace {

constexpr std::size_t page = 4096;

std::size_t whole_pages(std::size_t size) {
    return (size + page - 1) / page * page;
}

std::uint8_t* map(std::size_t size, int kind) {
    void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        throw_errno("unable to map memory");
    return static_cast<std::uint8_t*>(at);
}

} // namespace

Buffer::Buffer(std::size_t size, Kind kind) : data_(nullptr), size_(size) {
    if (size)
        data_ = map(whole_pages(size), kind == Kind::shared_memory ? MAP_SHARED : MAP_PRIVATE);
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

Buffer::~Buffer() {
    if (data_)
        munmap(data_, whole_pages(size_));
}

void Buffer::fill(std::uint8_t value) {
    std::fill_n(data_, size_, value);
}

bool Buffer::all(std::uint8_t value) const {
    return std::all_of(data_, data_ + size_, [=](std::uint8_t byte) { return byte == value; });
}

bool Buffer::operator==(const Buffer& other) const {
    return size_ == other.size_ && (!size_ || !std::memcmp(data_, other.data_, size_));
}

void fill_pattern(void* to, std::size_t length, std::uint64_t seed) {
    auto* out = static_cast<std::uint8_t*>(to);
    for (std::size_t at = 0; at < length; at += sizeof(std::uint64_t)) {
        const std::uint64_t word = (seed + 1) << 40 | (at + 1);
        std::memcpy(out + at, &word, std::min(sizeof(word), length - at));
    }
}

Buffer pattern(std::size_t length, std::uint64_t seed) {
    Buffer result(length);
    fill_pattern(result.data(), length, seed);
    return result;
}

EdgeMemory::EdgeMemory(std::size_t usable)
    : base_(map(whole_pages(usable) + page, MAP_PRIVATE)), usable_(whole_pages(usable)) {
    if (mprotect(edge(), page, PROT_NONE))
        throw_errno("unable to protect memory");
}

EdgeMemory::~EdgeMemory() {
    munmap(base_, usable_ + page);
}

void EdgeMemory::make_read_only() {
    if (mprotect(base_, usable_, PROT_READ))
        throw_errno("unable to protect memory");
}

} // namespace userblk::test
