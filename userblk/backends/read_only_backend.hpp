// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/decorator.hpp"

namespace userblk {

/// Fails operations that would change the store with EROFS; forwards reads and flushes.
class ReadOnlyBackend final : public TransparentDecorator {
public:
    using TransparentDecorator::TransparentDecorator;

    Description describe() const override;
    std::vector<StoreFile> store_files() const override;
    /// Forwards loads only.
    std::span<std::byte> mapping(std::uint64_t offset, std::size_t length,
                                 Access access) noexcept override;

protected:
    std::error_code around(const Operation& operation, const Proceed& proceed) override;
};

} // namespace userblk
