// SPDX-License-Identifier: MIT
#include "userblk/ctl/format/block_stat.hpp"

#include "ioctl/lookup.hpp"

#include <array>
#include <fstream>
#include <iterator>
#include <sstream>

namespace userblk::ctl {

namespace {

constexpr std::uint64_t sector = 512;

// Positions of the values in the file; see the kernel's Documentation/block/stat.rst.
enum Field {
    reads = 0,
    read_sectors = 2,
    writes = 4,
    write_sectors = 6,
    discards = 11,
    flushes = 15
};
constexpr std::size_t fields = 17;

} // namespace

BlockStat parse_block_stat(const std::string& text) {
    std::array<std::uint64_t, fields> values{};
    std::istringstream in(text);
    for (auto& value : values)
        if (!(in >> value))
            value = 0;
    return {values[reads], values[read_sectors] * sector, values[writes],
            values[write_sectors] * sector, values[discards] + values[flushes]};
}

BlockStat read_block_stat(std::uint32_t number) {
    std::ifstream file(std::string(abi::sysfs_block) + "/" + abi::disk_name(number) + "/stat");
    return parse_block_stat(
        std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()));
}

} // namespace userblk::ctl
