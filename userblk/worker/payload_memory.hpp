// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <system_error>

namespace userblk {

/// Internal: memory for payloads, whose pages are allocated on first touch.
class PayloadMemory {
public:
    /// @throws std::system_error
    explicit PayloadMemory(std::size_t size);
    PayloadMemory(const PayloadMemory&) = delete;
    PayloadMemory& operator=(const PayloadMemory&) = delete;
    ~PayloadMemory();

    std::span<std::byte> bytes() const noexcept { return bytes_; }
    /// Allocates all pages now.
    std::error_code preload() noexcept;
    /// Returns the pages to the system, unless they are locked. Their contents are lost.
    void release() noexcept;

private:
    std::span<std::byte> bytes_;
};

} // namespace userblk
