// SPDX-License-Identifier: MIT
// Texts of the kernel that tools read: counters of the block layer, mounts. Names in them may be
// anything.
#include "fuzz.hpp"

#include "userblk/cli/help.hpp"
#include "userblk/ctl/block_stat.hpp"
#include "userblk/ctl/device_use.hpp"

using namespace userblk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(fuzz::text_of(data, size));
    const auto stat = ctl::parse_block_stat(text);
    fuzz::require(stat.bytes_read % 512 == 0 && stat.bytes_written % 512 == 0, "whole sectors");
    const auto points = ctl::mount_points(text, {"8:1", "259:0"});
    const bool escapes = text.find('\\') != std::string::npos;
    for (const auto& point : points)
        fuzz::require(escapes ? point.size() <= text.size() : text.find(point) != std::string::npos,
                      "a word of the text, whose escapes only make it shorter");
    const auto folded = cli::fold(text, 4, 40);
    fuzz::require(cli::fold(folded, 4, 40) == folded, "what is folded stays as it is");
    return 0;
}
