// SPDX-License-Identifier: MIT
#include "userblk/async_backend.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace userblk {

Task<> AsyncBackend::flush(Slot&) {
    co_return std::error_code();
}

Task<> AsyncBackend::discard(Slot&, std::uint64_t, std::uint64_t) {
    co_return std::make_error_code(std::errc::operation_not_supported);
}

Task<> AsyncBackend::write_zeroes(Slot& slot, std::uint64_t offset, std::uint64_t length,
                                  ZeroFlags flags) {
    static constexpr std::array<std::byte, 64 << 10> zeros{};
    while (length > 0) {
        const auto piece = std::min<std::uint64_t>(length, zeros.size());
        const auto data = std::span(zeros).first(static_cast<std::size_t>(piece));
        const auto error = co_await write(slot, offset, data, {.fua = flags.fua});
        if (error)
            co_return error;
        offset += piece;
        length -= piece;
    }
    co_return std::error_code();
}

void AsyncBackend::device_removed() noexcept {}

namespace {

/// An asynchronous store that is only looked at: its loop never runs.
class IdleStore final : public Store {
public:
    IdleStore(const AsyncBackendFactory& make, const DeviceContext& device)
        : backend_(make(device, loop_)) {}
    ~IdleStore() override { loop_.end_spawned(); } // they use the backend

    Description describe() const override { return backend_->describe(); }
    std::vector<StoreFile> store_files() const override { return backend_->store_files(); }

private:
    EventLoop loop_;
    std::unique_ptr<AsyncBackend> backend_;
};

} // namespace

std::shared_ptr<Store> open_store(const StoreFactory& make, const DeviceContext& device) {
    if (const auto* const blocking = std::get_if<BackendFactory>(&make))
        return (*blocking)(device);
    return std::make_shared<IdleStore>(std::get<AsyncBackendFactory>(make), device);
}

} // namespace userblk
