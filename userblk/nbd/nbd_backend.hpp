// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/async_backend.hpp"
#include "userblk/backends/nbd_store.hpp"
#include "userblk/nbd/nbd_client.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace userblk {

/// Internal: the operations of a device as commands of NBD. See open_nbd().
class [[gnu::visibility("hidden")]] NbdBackend final : public AsyncBackend {
public:
    NbdBackend(EventLoop & loop, const std::string& uri, std::uint64_t size, NbdOptions options);

    Description describe() const override;
    std::vector<StoreFile> store_files() const override;
    Task<> read(Slot & slot, std::uint64_t offset, std::span<std::byte> data) override;
    Task<> write(Slot & slot, std::uint64_t offset, std::span<const std::byte> data,
                 WriteFlags flags) override;
    Task<> flush(Slot & slot) override;
    Task<> discard(Slot & slot, std::uint64_t offset, std::uint64_t length) override;
    Task<> write_zeroes(Slot & slot, std::uint64_t offset, std::uint64_t length, ZeroFlags flags)
        override;
    void device_removed() noexcept override;

private:
    std::size_t piece() const noexcept;
    Task<> read_in_pieces(Slot & slot, std::uint64_t offset, std::span<std::byte> data);
    Task<> write_in_pieces(Slot & slot, std::uint64_t offset, std::span<const std::byte> data,
                           WriteFlags flags);
    Task<> zero_durably(Slot & slot, std::uint64_t offset, std::uint64_t length, ZeroFlags flags);

    NbdClient client_;
    std::string identity_;
    abi::FileDescriptor lock_; ///< for those who claim the store
};

} // namespace userblk
