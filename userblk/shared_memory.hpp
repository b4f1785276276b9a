// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace userblk {

/// Zeroed memory shared with all processes forked later, so that data outlives the
/// process that wrote it. The last of them to exit frees it.
///
/// Create it before the workers are forked, for example in the constructor of a backend
/// passed to userblk::run. Pages are allocated on first write.
class SharedMemory {
public:
    /// @throws std::system_error "unable to map N bytes of shared memory"
    explicit SharedMemory(std::uint64_t size);
    SharedMemory(SharedMemory&& other) noexcept;
    SharedMemory& operator=(SharedMemory&& other) noexcept;
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;
    ~SharedMemory();

    std::byte* data() const noexcept { return bytes_.data(); }
    std::size_t size() const noexcept { return bytes_.size(); }
    std::span<std::byte> bytes() const noexcept { return bytes_; }

private:
    std::span<std::byte> bytes_;
};

} // namespace userblk
