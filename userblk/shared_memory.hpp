// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace userblk {

/// Zeroed memory that is shared with all processes forked later, so that what
/// one of them wrote is there when it has died. It goes with the last of them.
///
/// Make it before the workers are: in the constructor of a backend that is given
/// to userblk::run, for example. Takes memory only as it is written to.
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
