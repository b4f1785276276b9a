// SPDX-License-Identifier: MIT
#pragma once

#include "record.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <vector>

namespace thin {

/// A record or a file that is inconsistent with what precedes it.
class Damaged : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Maps virtual blocks to places: the sum of the records so far. Plain memory, for
/// one thread at a time.
///
/// A freed block is a hole, but **keeps its place** until a record explicitly moves
/// the place to another block (move). So a write that was sent to the place before,
/// and lands late, cannot hit another block's data; see Allocator.
class BlockMap {
public:
    /// Bounds the memory: 4 bytes per block in each process.
    static constexpr std::uint64_t most_blocks = std::uint64_t(1) << 28;

    explicit BlockMap(std::uint64_t blocks);

    /// @throws Damaged if the record is inconsistent with the map; then nothing changes
    void apply(const Record& record);

    std::uint64_t blocks() const noexcept { return entries_.size(); }
    /// The place of the block; nothing for a hole.
    std::optional<std::uint64_t> place(std::uint64_t block) const noexcept;
    /// The place that a freed block keeps.
    std::optional<std::uint64_t> home(std::uint64_t block) const noexcept;
    bool any_mapped(std::uint64_t first, std::uint64_t count) const noexcept;
    bool all_mapped(std::uint64_t first, std::uint64_t count) const noexcept;
    /// A freed block with a place for which @p suits is true.
    std::optional<std::uint64_t> find_free(const std::function<bool(std::uint64_t)>& suits) const;

    std::uint64_t mapped() const noexcept { return mapped_; }
    /// Number of freed blocks that keep their place.
    std::uint64_t freed() const noexcept { return freed_; }
    /// Places from this one on were never allocated.
    std::uint64_t used() const noexcept { return owned_.size(); }
    /// Places from used() up to this one are zeros.
    std::uint64_t prepared() const noexcept;

    /// The shortest list of records for this state: a checkpoint.
    std::vector<Record> records() const;

private:
    void place_run(const Record& record);
    void free_run(const Record& record);
    void move(const Record& record);
    void check_range(const Record& record) const;

    std::vector<std::uint32_t> entries_; // place + 1, and a bit for freed; 0: none
    std::vector<bool> owned_;            // by place
    std::uint64_t mapped_ = 0;
    std::uint64_t freed_ = 0;
    std::uint64_t prepared_ = 0;
};

} // namespace thin
