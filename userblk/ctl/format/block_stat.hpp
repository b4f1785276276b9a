// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace userblk::ctl {

/// The counts of the block layer for a device since its creation (/sys/block/userblkN/stat),
/// readable by any user.
struct BlockStat {
    std::uint64_t reads = 0;
    std::uint64_t bytes_read = 0;
    std::uint64_t writes = 0;
    std::uint64_t bytes_written = 0;
    std::uint64_t others = 0; ///< discards, zeroing and flushes
};

/// Parses the text of that file; missing values count 0.
BlockStat parse_block_stat(const std::string& text);
/// For device @p number; all 0 if it does not exist.
BlockStat read_block_stat(std::uint32_t number);

} // namespace userblk::ctl
