// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace thin {

/// A change of the block map. Virtual blocks belong to the device, places to the
/// store; both are in units of blocks, not bytes.
struct Record {
    enum class Kind : std::uint16_t {
        none = 0,
        place = 1,    ///< @c count blocks from @c block on lie at @c place and after
        free = 2,     ///< @c count blocks from @c block on are holes; they keep their places
        move = 3,     ///< the place of the free block @c place moves to @c block
        prepared = 4, ///< places below @c place are zeros until allocated
        end = 5       ///< the log continues in another file of the same name
    };
    std::uint32_t checksum = 0; ///< of the rest, its number, and its file's id
    Kind kind = Kind::none;
    std::uint16_t reserved = 0;
    std::uint64_t block = 0;
    std::uint64_t place = 0;
    std::uint64_t count = 0;
};
static_assert(sizeof(Record) == 32); // divides a page: no record spans two

/// The checksum for record number @p index of the file with this id: a leftover
/// of another file, or of another index, is invalid.
std::uint32_t checksum(const Record& record, std::uint64_t file_id, std::uint64_t index) noexcept;

} // namespace thin
