// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace userblk::ctl {

/// What the block layer counted for a device since it was made
/// (/sys/block/userblkN/stat), for everybody to read.
struct BlockStat {
    std::uint64_t reads = 0;
    std::uint64_t bytes_read = 0;
    std::uint64_t writes = 0;
    std::uint64_t bytes_written = 0;
    std::uint64_t others = 0; ///< discards, zeroing and flushes
};

/// From the text of that file; what is missing counts 0.
BlockStat parse_block_stat(const std::string& text);
/// Of device @p number; all 0 if it is not there.
BlockStat read_block_stat(std::uint32_t number);

} // namespace userblk::ctl
