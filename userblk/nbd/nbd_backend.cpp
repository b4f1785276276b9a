// SPDX-License-Identifier: MIT
#include "userblk/nbd/nbd_backend.hpp"

#include "userblk/store/name_lock.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <utility>

namespace userblk {

namespace {

using Effect = NbdClient::Effect;

constexpr std::uint32_t least_block = 512, largest_block = 4096, largest_preferred = 1 << 20;
constexpr std::size_t page = 4096, no_limit = ~std::size_t{0};

std::uint32_t logical_block(const NbdClient& client) {
    const auto least = client.about().least_block;
    if (least > largest_block || !std::has_single_bit(least))
        throw std::runtime_error(client.uri() + " has blocks of " + std::to_string(least) +
                                 " bytes; a device has blocks of 512 to 4096");
    return std::max(static_cast<std::uint32_t>(least), least_block);
}

} // namespace

NbdBackend::NbdBackend(EventLoop& loop, const std::string& uri, std::uint64_t size,
                       NbdOptions options)
    : AsyncBackend(loop), client_(loop, uri, size, std::move(options)),
      identity_(nbd_identity(uri)), lock_(open_lock_file(identity_)) {
    if (client_.about().size < logical_block(client_))
        throw std::runtime_error(uri + " is smaller than a block");
}

Description NbdBackend::describe() const {
    const auto& about = client_.about();
    Description description;
    description.logical_block_size = logical_block(client_);
    description.size = about.size - about.size % description.logical_block_size;
    description.read_only = about.read_only;
    description.rotational = about.rotational;
    description.cache = about.flush;
    description.fua = about.fua;
    description.discard = about.trim && !about.read_only;
    description.write_zeroes = about.zero && !about.read_only;
    description.store_class =
        client_.fence().count() == 0 ? StoreClass::process : StoreClass::unfenced;
    if (client_.fence() != std::chrono::nanoseconds::max())
        description.store_wait = client_.fence();
    description.one_thread = !about.several_connections && !about.read_only;
    const auto preferred = about.preferred_block;
    if (std::has_single_bit(preferred) && preferred >= description.logical_block_size &&
        preferred <= largest_preferred)
        description.physical_block_size = static_cast<std::uint32_t>(preferred);
    return description;
}

std::vector<StoreFile> NbdBackend::store_files() const {
    return {{client_.uri(), identity_, lock_.get(), client_.about().read_only}};
}

// A command of the server carries that much data at most.
std::size_t NbdBackend::piece() const noexcept {
    const auto most = client_.about().most_bytes;
    return most == 0 ? no_limit : static_cast<std::size_t>(std::max<std::uint64_t>(most, page));
}

Task<> NbdBackend::read_in_pieces(Slot& slot, std::uint64_t offset, std::span<std::byte> data) {
    while (!data.empty()) {
        const auto part = data.first(std::min(piece(), data.size()));
        const auto error = co_await read(slot, offset, part);
        if (error)
            co_return error;
        offset += part.size();
        data = data.subspan(part.size());
    }
    co_return std::error_code();
}

Task<> NbdBackend::write_in_pieces(Slot& slot, std::uint64_t offset,
                                   std::span<const std::byte> data, WriteFlags flags) {
    while (!data.empty()) {
        const auto part = data.first(std::min(piece(), data.size()));
        const auto error = co_await write(slot, offset, part, flags);
        if (error)
            co_return error;
        offset += part.size();
        data = data.subspan(part.size());
    }
    co_return std::error_code();
}

Task<> NbdBackend::zero_durably(Slot& slot, std::uint64_t offset, std::uint64_t length,
                                ZeroFlags flags) {
    flags.fua = false;
    const auto error = co_await write_zeroes(slot, offset, length, flags);
    if (error || !client_.about().flush)
        co_return error;
    co_return co_await flush(slot);
}

Task<> NbdBackend::read(Slot& slot, std::uint64_t offset, std::span<std::byte> data) {
    if (data.size() > piece())
        return read_in_pieces(slot, offset, data);
    return client_.carry_out(slot, Effect::reads,
                             [offset, data](NbdConnection& to, NbdCommand& command) {
                                 return to.read(command, offset, data);
                             });
}

Task<> NbdBackend::write(Slot& slot, std::uint64_t offset, std::span<const std::byte> data,
                         WriteFlags flags) {
    if (data.size() > piece())
        return write_in_pieces(slot, offset, data, flags);
    return client_.carry_out(slot, Effect::changes,
                             [offset, data, flags](NbdConnection& to, NbdCommand& command) {
                                 return to.write(command, offset, data, flags.fua);
                             });
}

Task<> NbdBackend::flush(Slot& slot) {
    return client_.carry_out(slot, Effect::reads, [](NbdConnection& to, NbdCommand& command) {
        return to.flush(command);
    });
}

Task<> NbdBackend::discard(Slot& slot, std::uint64_t offset, std::uint64_t length) {
    return client_.carry_out(slot, Effect::changes,
                             [offset, length](NbdConnection& to, NbdCommand& command) {
                                 return to.trim(command, offset, length);
                             });
}

Task<> NbdBackend::write_zeroes(Slot& slot, std::uint64_t offset, std::uint64_t length,
                                ZeroFlags flags) {
    if (flags.fua && !client_.about().fua)
        return zero_durably(slot, offset, length, flags);
    if (!client_.about().zero)
        return AsyncBackend::write_zeroes(slot, offset, length, flags);
    return client_.carry_out(
        slot, Effect::changes, [offset, length, flags](NbdConnection& to, NbdCommand& command) {
            return to.zero(command, offset, length, flags.fua, flags.keep_allocated);
        });
}

void NbdBackend::device_removed() noexcept {
    client_.give_up();
}

} // namespace userblk
