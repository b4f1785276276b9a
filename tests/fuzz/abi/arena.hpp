// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/fuzz/abi/schema.hpp"

namespace userblk::fuzz {

// Memory shared with children, with a page behind it that may not be touched, and a second view of
// it that is for reading only.
class Block {
public:
    explicit Block(std::size_t size);
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block();

    std::uint8_t* data() { return base_; }
    std::size_t size() const { return size_; }
    // Where so many bytes are that are of the kind, which may be nowhere.
    std::uint64_t place(Memory kind, std::size_t bytes) const;
    // What of that can be written to, by us at least.
    std::span<std::uint8_t> touchable(Memory kind, std::size_t bytes);

private:
    std::uint8_t* base_;
    std::uint8_t* view_;
    std::size_t size_;
};

// The memory of one who makes calls.
struct Arena {
    Block argument{8192};
    Block records{384 << 10};
    Block answers{384 << 10};
    Block extents{64 << 10};
    Block payload{1 << 20};
};

} // namespace userblk::fuzz
