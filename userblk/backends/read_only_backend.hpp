// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/async_decorator.hpp"
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

/// The same for asynchronous stores.
class AsyncReadOnlyBackend final : public AsyncDecorator {
public:
    using AsyncDecorator::AsyncDecorator;

    Description describe() const override;
    std::vector<StoreFile> store_files() const override;

protected:
    Task<> around(Slot& slot, Operation operation, Proceed proceed) override;
};

} // namespace userblk
