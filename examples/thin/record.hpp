// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace thin {

/// A step in the life of the block map. Virtual blocks are those of the device,
/// places those of the store; both are counted, not measured in bytes.
struct Record {
    enum class Kind : std::uint16_t {
        none = 0,
        place = 1,    ///< @c count blocks from @c block on lie at @c place and following
        free = 2,     ///< so many blocks from @c block on are holes; their places stay theirs
        move = 3,     ///< the place of the free block @c place is now that of @c block
        prepared = 4, ///< places below @c place are zeros as long as nobody gets them
        end = 5       ///< the log goes on in another file of the same name
    };
    std::uint32_t checksum = 0; ///< of the rest, its number, and its file's id
    Kind kind = Kind::none;
    std::uint16_t reserved = 0;
    std::uint64_t block = 0;
    std::uint64_t place = 0;
    std::uint64_t count = 0;
};
static_assert(sizeof(Record) == 32); // a divisor of a page: no record lies in two

/// For a record that is to be number @p index of the file with this id: one that
/// was left over from another file, or from another place, is not valid.
std::uint32_t checksum(const Record& record, std::uint64_t file_id, std::uint64_t index) noexcept;

} // namespace thin
