// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace userblk::bench {

/// Memory for the payloads of that many requests, page aligned and touched.
class Buffers {
public:
    /// @throws std::system_error
    Buffers(unsigned count, std::size_t size);
    /// In the file @p path, which others may have mapped, after @p index such sets.
    /// @throws std::system_error, std::invalid_argument if it is too small
    Buffers(unsigned count, std::size_t size, const std::string& path, unsigned index);
    Buffers(const Buffers&) = delete;
    Buffers& operator=(const Buffers&) = delete;
    ~Buffers();

    std::byte* operator[](unsigned i) const noexcept { return memory_ + i * stride_; }

private:
    std::size_t stride_;
    std::span<std::byte> mapping_;
    std::byte* memory_; ///< in the mapping
};

} // namespace userblk::bench
