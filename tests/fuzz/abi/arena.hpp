// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/fuzz/abi/schema.hpp"

namespace userblk::fuzz {

// Memory shared with child processes, followed by an inaccessible page, with a second, read-only
// mapping.
class Block {
public:
    explicit Block(std::size_t size);
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block();

    std::uint8_t* data() { return base_; }
    std::size_t size() const { return size_; }
    // The address of that many bytes of the given kind; it may be invalid.
    std::uint64_t place(Memory kind, std::size_t bytes) const;
    // The part of it that this process can write to.
    std::span<std::uint8_t> touchable(Memory kind, std::size_t bytes);

private:
    std::uint8_t* base_;
    std::uint8_t* view_;
    std::size_t size_;
};

// The memory that calls of one thread use.
struct Arena {
    Block argument{8192};
    Block records{384 << 10};
    Block answers{384 << 10};
    Block extents{64 << 10};
    Block payload{1 << 20};
};

} // namespace userblk::fuzz
