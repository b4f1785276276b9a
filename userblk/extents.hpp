// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace userblk {

/// A piece of a file or block device open in this process, or a hole.
struct Extent {
    std::uint64_t offset = 0; ///< bytes from the beginning of the file
    std::uint32_t length = 0; ///< bytes; 0 for a flush
    int fd = -1;              ///< not owned; -1: a hole, which reads as zeros

    bool is_hole() const noexcept { return fd < 0; }
};

/// Where an operation's data lies: extents that cover it in order and exactly.
/// A flush has one extent of length 0 for each file to flush. Not thread-safe;
/// allocates no memory.
class Extents {
public:
    /// The kernel's limit for one request (USERBLK_MAX_EXTENTS). The device's chunk
    /// size keeps requests within it.
    static constexpr std::size_t capacity = 32;

    /// Adds @p length bytes at @p offset of @p fd, merged with the last extent if
    /// contiguous. Returns false and adds nothing when full: then leave the operation
    /// to the other functions of Backend.
    bool add(int fd, std::uint64_t offset, std::uint64_t length) noexcept;
    /// Adds @p length bytes that no file holds: they read as zeros, and a flush
    /// (length 0), a discard or zeros need no I/O. Not for a write.
    bool add_hole(std::uint64_t length) noexcept { return add(-1, 0, length); }

    void clear() noexcept { count_ = 0, length_ = 0; }
    bool empty() const noexcept { return count_ == 0; }
    std::size_t size() const noexcept { return count_; }
    const Extent& operator[](std::size_t i) const noexcept { return extents_[i]; }
    const Extent* begin() const noexcept { return extents_.data(); }
    const Extent* end() const noexcept { return extents_.data() + count_; }
    bool only_holes() const noexcept;
    /// Sum of the lengths, in bytes.
    std::uint64_t length() const noexcept { return length_; }

private:
    static constexpr std::uint64_t longest = std::numeric_limits<std::uint32_t>::max();

    bool join(int fd, std::uint64_t offset, std::uint64_t length) noexcept;

    std::array<Extent, capacity> extents_;
    std::size_t count_ = 0;
    std::uint64_t length_ = 0;
};

// Most requests need one extent; this covers them without a call.
inline bool Extents::add(int fd, std::uint64_t offset, std::uint64_t length) noexcept {
    if (count_ > 0 && join(fd, offset, length))
        return true;
    if (count_ == capacity || length > longest)
        return false;
    extents_[count_++] = {fd < 0 ? 0 : offset, static_cast<std::uint32_t>(length), fd};
    length_ += length;
    return true;
}

inline bool Extents::only_holes() const noexcept {
    return std::all_of(begin(), end(), [](const Extent& extent) { return extent.is_hole(); });
}

} // namespace userblk
