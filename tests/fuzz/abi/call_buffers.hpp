// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/fuzz/abi/schema.hpp"

namespace userblk::fuzz {

// Memory shared with child processes, followed by an inaccessible page, with a second, read-only
// mapping.
class GuardedMemory {
public:
    explicit GuardedMemory(std::size_t size);
    GuardedMemory(const GuardedMemory&) = delete;
    GuardedMemory& operator=(const GuardedMemory&) = delete;
    ~GuardedMemory();

    std::uint8_t* data() { return base_; }
    std::size_t size() const { return size_; }
    // The address of that many bytes of the given kind; it may be invalid.
    std::uint64_t address_of(Memory kind, std::size_t bytes) const;
    // The part of it that this process can write to.
    std::span<std::uint8_t> writable(Memory kind, std::size_t bytes);

private:
    std::uint8_t* base_;
    std::uint8_t* view_;
    std::size_t size_;
};

// The memory that calls of one thread use.
struct CallBuffers {
    GuardedMemory argument{8192};
    GuardedMemory records{384 << 10};
    GuardedMemory answers{384 << 10};
    GuardedMemory extents{64 << 10};
    GuardedMemory payload{1 << 20};
};

} // namespace userblk::fuzz
