// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace userblk::test {

// The unit in which a write may be torn: every one of these describes itself.
inline constexpr std::uint64_t record_block = 512;

// One write of a RecordWriter.
struct Record {
    std::uint64_t sequence = 0; // from 1 on, increasing with every record of a writer
    std::uint32_t writer = 0;
    std::uint32_t blocks = 0;
    std::uint64_t offset = 0; // on the device, of its first block
};

// Fills the memory of block number `index` of the record: its place, its record, a checksum, and a
// payload derived from the rest.
void fill_block(void* memory, const Record& record, std::uint32_t index);

// The content of a block that was read at this place.
struct BlockContent {
    bool sound = false;         // otherwise no record would have left this here
    std::uint64_t sequence = 0; // 0: zeros, from before the first record
    std::string describe() const;

    // The raw fields.
    std::uint64_t magic = 0, offset = 0, writer = 0, checksum = 0;
};

BlockContent read_block(const void* memory, std::uint64_t offset, std::uint32_t writer);

} // namespace userblk::test
