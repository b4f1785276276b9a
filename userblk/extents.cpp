// SPDX-License-Identifier: MIT
#include "userblk/extents.hpp"

#include "ioctl/userblk_ioctl.h"

#include <algorithm>
#include <limits>

namespace userblk {

static_assert(Extents::capacity == USERBLK_MAX_EXTENTS);

namespace {

constexpr std::uint64_t longest = std::numeric_limits<std::uint32_t>::max();

bool follows(const Extent& last, int fd, std::uint64_t offset) noexcept {
    return last.length > 0 && last.fd == fd && (fd < 0 || last.offset + last.length == offset);
}

} // namespace

bool Extents::append(int fd, std::uint64_t offset, std::uint64_t length) noexcept {
    if (length > longest)
        return false;
    if (count_ > 0 && length > 0) {
        auto& last = extents_[count_ - 1];
        if (follows(last, fd, offset) && last.length + length <= longest) {
            last.length += static_cast<std::uint32_t>(length);
            length_ += length;
            return true;
        }
    }
    if (count_ == capacity)
        return false;
    extents_[count_++] = {fd < 0 ? 0 : offset, static_cast<std::uint32_t>(length), fd};
    length_ += length;
    return true;
}

bool Extents::only_holes() const noexcept {
    return std::all_of(begin(), end(), [](const Extent& extent) { return extent.is_hole(); });
}

} // namespace userblk
