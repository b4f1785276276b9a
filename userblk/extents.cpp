// SPDX-License-Identifier: MIT
#include "userblk/extents.hpp"

#include "ioctl/userblk_ioctl.h"

namespace userblk {

static_assert(Extents::capacity == USERBLK_MAX_EXTENTS);

namespace {

bool follows(const Extent& last, int fd, std::uint64_t offset) noexcept {
    return last.length > 0 && last.fd == fd && (fd < 0 || last.offset + last.length == offset);
}

} // namespace

// Merges with the last extent, if contiguous.
bool Extents::join(int fd, std::uint64_t offset, std::uint64_t length) noexcept {
    auto& last = extents_[count_ - 1];
    if (length == 0 || length > longest || !follows(last, fd, offset) ||
        last.length + length > longest)
        return false;
    last.length += static_cast<std::uint32_t>(length);
    length_ += length;
    return true;
}

} // namespace userblk
