// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace userblk::test {

// Zeroed memory in a mapping of its own, so that it is aligned for O_DIRECT. A shared buffer is
// visible to processes forked later and outlives them: it serves as a driver's store.
class Buffer {
public:
    enum class Kind { private_memory, shared_memory };

    explicit Buffer(std::size_t size = 0, Kind kind = Kind::private_memory);
    Buffer(Buffer&& other) noexcept;
    Buffer& operator=(Buffer&& other) noexcept;
    ~Buffer();

    std::uint8_t* data() { return data_; }
    const std::uint8_t* data() const { return data_; }
    std::size_t size() const { return size_; }
    std::uint8_t& operator[](std::size_t at) { return data_[at]; }
    std::uint8_t operator[](std::size_t at) const { return data_[at]; }

    void fill(std::uint8_t value);
    bool all(std::uint8_t value) const;
    bool operator==(const Buffer& other) const;

private:
    std::uint8_t* data_;
    std::size_t size_;
};

using Store = Buffer;

inline Store make_store(std::size_t size) {
    return Store(size, Buffer::Kind::shared_memory);
}

// Bytes that identify their origin: no two 8-byte words of one seed are equal, and none is 0.
void fill_pattern(void* to, std::size_t length, std::uint64_t seed);
Buffer pattern(std::size_t length, std::uint64_t seed);

// Memory that ends at an inaccessible page.
class EdgeMemory {
public:
    explicit EdgeMemory(std::size_t usable);
    EdgeMemory(const EdgeMemory&) = delete;
    EdgeMemory& operator=(const EdgeMemory&) = delete;
    ~EdgeMemory();

    // The address that many bytes before the edge.
    std::uint8_t* before_edge(std::size_t bytes) { return base_ + usable_ - bytes; }
    std::uint8_t* edge() { return base_ + usable_; }
    void make_read_only();

private:
    std::uint8_t* base_;
    std::size_t usable_;
};

// An address that no process can access.
inline constexpr std::uint64_t bad_address = 0xdead'0000'0000'0000ull;

} // namespace userblk::test
