// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backend.hpp"

namespace userblk {

/// Reads as zeros and drops writes; for measuring everything but a store.
class NullBackend final : public Backend {
public:
    /// @p size in bytes.
    explicit NullBackend(std::uint64_t size) noexcept : size_(size) {}

    std::vector<StoreFile> store_files() const override { return {{"null:", "null:"}}; }
    Description describe() const override;
    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override;
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          WriteFlags flags) override;
    std::error_code discard(std::uint64_t offset, std::uint64_t length) override;
    std::error_code write_zeroes(std::uint64_t offset, std::uint64_t length,
                                 ZeroFlags flags) override;
    bool reads_as_zeroes(std::uint64_t, std::size_t) noexcept override { return true; }
    bool wants_data() const noexcept override { return false; }

private:
    std::uint64_t size_;
};

} // namespace userblk
