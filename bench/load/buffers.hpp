// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>

namespace userblk::bench {

/// Memory for the payloads of that many requests, page aligned and touched.
class Buffers {
public:
    /// @throws std::system_error
    Buffers(unsigned count, std::size_t size);
    Buffers(const Buffers&) = delete;
    Buffers& operator=(const Buffers&) = delete;
    ~Buffers();

    std::byte* operator[](unsigned i) const noexcept { return memory_.data() + i * stride_; }

private:
    std::size_t stride_;
    std::span<std::byte> memory_;
};

} // namespace userblk::bench
