// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/async_backend.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace userblk {

/// An AsyncBackend in front of another that leaves data unchanged: the counterpart of
/// TransparentDecorator. A derived class overrides around(), which sees every operation, instead
/// of the operations themselves.
class AsyncDecorator : public AsyncBackend {
public:
    /// @throws std::invalid_argument if @p inner is null
    AsyncDecorator(EventLoop& loop, std::unique_ptr<AsyncBackend> inner);

    Description describe() const override;
    std::vector<StoreFile> store_files() const override;
    std::error_code fence(const DeadClient& dead) const override;
    Task<> read(Slot& slot, std::uint64_t offset, std::span<std::byte> data) override;
    Task<> write(Slot& slot, std::uint64_t offset, std::span<const std::byte> data,
                 WriteFlags flags) override;
    Task<> flush(Slot& slot) override;
    Task<> discard(Slot& slot, std::uint64_t offset, std::uint64_t length) override;
    Task<> write_zeroes(Slot& slot, std::uint64_t offset, std::uint64_t length,
                        ZeroFlags flags) override;
    void device_removed() noexcept override;

protected:
    /// Carries the operation out on inner(), each time that it is called and awaited:
    /// "co_await proceed(slot)".
    class Proceed {
    public:
        Task<> operator()(Slot& slot) const;

    private:
        friend class AsyncDecorator;
        Proceed(AsyncBackend& inner, const Operation& operation, std::span<std::byte> read,
                std::span<const std::byte> written) noexcept
            : inner_(&inner), operation_(operation), read_(read), written_(written) {}

        AsyncBackend* inner_;
        Operation operation_;
        std::span<std::byte> read_;
        std::span<const std::byte> written_;
    };

    AsyncBackend& inner() const noexcept { return *inner_; }

    /// Runs for each operation, and returns the operation's result. Default: proceed().
    virtual Task<> around(Slot& slot, Operation operation, Proceed proceed);

private:
    std::unique_ptr<AsyncBackend> inner_;
};

} // namespace userblk
