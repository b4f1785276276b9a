// SPDX-License-Identifier: MIT
#pragma once

#include "record.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <vector>

namespace thin {

/// A record or a file that contradicts what stands before it.
class Damaged : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Which virtual block lies where: what the records so far amount to. Plain
/// memory, of one thread at a time.
///
/// A block that was freed is a hole, and **its place stays its own** until a
/// record takes it away expressly (move). So a write that was sent to the place
/// before, and lands late, hits nobody else's data; see Allocator.
class BlockMap {
public:
    /// Bounds the memory: 4 bytes for each block in each process.
    static constexpr std::uint64_t most_blocks = std::uint64_t(1) << 28;

    explicit BlockMap(std::uint64_t blocks);

    /// @throws Damaged if it does not fit what is there; then nothing was changed
    void apply(const Record& record);

    std::uint64_t blocks() const noexcept { return entries_.size(); }
    /// Where the block lies; nothing for a hole.
    std::optional<std::uint64_t> place(std::uint64_t block) const noexcept;
    /// The place that stayed with a block that was freed.
    std::optional<std::uint64_t> home(std::uint64_t block) const noexcept;
    bool any_mapped(std::uint64_t first, std::uint64_t count) const noexcept;
    bool all_mapped(std::uint64_t first, std::uint64_t count) const noexcept;
    /// A free block with a home for which @p suits is true.
    std::optional<std::uint64_t> find_free(const std::function<bool(std::uint64_t)>& suits) const;

    std::uint64_t mapped() const noexcept { return mapped_; }
    /// Blocks that were freed and still have their place.
    std::uint64_t freed() const noexcept { return freed_; }
    /// Places from this one on were never given out.
    std::uint64_t used() const noexcept { return owned_.size(); }
    /// Places from used() up to this one are zeros.
    std::uint64_t prepared() const noexcept;

    /// The shortest way to say all this: a checkpoint.
    std::vector<Record> records() const;

private:
    void place_run(const Record& record);
    void free_run(const Record& record);
    void move(const Record& record);
    void check_range(const Record& record) const;

    std::vector<std::uint32_t> entries_; // place + 1, and whether it was freed; 0: none
    std::vector<bool> owned_;            // by place
    std::uint64_t mapped_ = 0;
    std::uint64_t freed_ = 0;
    std::uint64_t prepared_ = 0;
};

} // namespace thin
