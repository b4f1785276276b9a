// SPDX-License-Identifier: MIT
// Texts from the kernel that the tools read: block layer counters, mounts. Names in them may
// contain anything.
#include "fuzz.hpp"

#include "userblk/cli/help.hpp"
#include "userblk/ctl/device_use.hpp"
#include "userblk/ctl/format/block_stat.hpp"

#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

using namespace userblk;

namespace {

// Gives the text to libmount as a file.
std::vector<std::string> mount_points(const std::string& text) {
    const int file = ::memfd_create("mountinfo", MFD_CLOEXEC);
    fuzz::require(file >= 0 &&
                      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()),
                  "a file can be had");
    auto points = ctl::mount_points({makedev(8, 1), makedev(259, 0)},
                                    "/proc/self/fd/" + std::to_string(file));
    ::close(file);
    return points;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(fuzz::text_of(data, size));
    const auto stat = ctl::parse_block_stat(text);
    fuzz::require(stat.bytes_read % 512 == 0 && stat.bytes_written % 512 == 0, "whole sectors");
    const auto points = mount_points(text);
    const bool escapes = text.find('\\') != std::string::npos;
    for (const auto& point : points)
        fuzz::require(escapes ? point.size() <= text.size() : text.find(point) != std::string::npos,
                      "a word of the text, whose escapes only make it shorter");
    const auto folded = cli::fold(text, 4, 40);
    fuzz::require(cli::fold(folded, 4, 40) == folded, "what is folded stays as it is");
    return 0;
}
