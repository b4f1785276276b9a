// SPDX-License-Identifier: MIT
#include "thin_backend.hpp"

#include <algorithm>
#include <utility>

namespace thin {

using userblk::Extents;
using userblk::Operation;
using Kind = Operation::Kind;

userblk::Description ThinBackend::description(const Header& header) {
    return {.size = header.size,
            .cache = true,
            .fua = true,
            .discard = true,
            .write_zeroes = true,
            .io_opt = header.block_size,
            .discard_granularity = header.block_size};
}

ThinBackend::ThinBackend(const std::string& store, const std::string& map,
                         std::unique_ptr<Requests> requests)
    : volume_(store, map, std::move(requests)), description_(description(volume_.header())) {}

std::error_code ThinBackend::redirect(const Operation& operation, Extents& to) {
    const std::lock_guard guard(mutex_);
    try {
        volume_.refresh();
        carry_out(operation, to);
        return {};
    } catch (const std::system_error& error) {
        return error.code();
    }
}

// A record is in the file, if not yet on the disk, before its extents are returned: data that
// the kernel then writes there survives this process.
void ThinBackend::carry_out(const Operation& operation, Extents& to) {
    const auto [first, count] = touched(operation);
    if (count > most_blocks) // on a device created for something else
        throw std::system_error(std::make_error_code(std::errc::operation_not_supported));
    switch (operation.kind) {
    case Kind::read:
        return find(operation, to);
    case Kind::write:
        volume_.provide(first, count);
        find(operation, to);
        break;
    case Kind::flush: // of what the map says before the map
        to.add(volume_.store().fd(), 0, 0);
        to.add(volume_.map_fd(), 0, 0);
        return;
    case Kind::discard: {
        const auto whole = covered(operation);
        volume_.free(whole.first, whole.count, operation);
        to.add_hole(operation.length); // no file needs to change
        return;
    }
    case Kind::write_zeroes:
        zero(operation, to);
        break;
    }
    // Not in the kernel, which does not know the map.
    if (operation.fua)
        volume_.sync();
}

// Whole blocks become holes; parts of blocks are zeroed in place.
void ThinBackend::zero(const Operation& operation, Extents& to) {
    if (operation.keep_allocated) {
        const auto all = touched(operation);
        volume_.provide(all.first, all.count);
    } else {
        const auto whole = covered(operation);
        volume_.free(whole.first, whole.count, operation);
    }
    find(operation, to);
}

void ThinBackend::find(const Operation& operation, Extents& to) {
    const auto size = volume_.block_size();
    const auto end = operation.offset + operation.length;
    for (auto at = operation.offset; at < end;) {
        const auto within = at % size;
        const auto length = std::min(size - within, end - at);
        if (const auto place = volume_.map().place(at / size))
            to.add(volume_.store().fd(), *place * size + within, length);
        else
            to.add_hole(length);
        at += length;
    }
}

ThinBackend::Range ThinBackend::touched(const Operation& operation) const {
    if (operation.length == 0)
        return {0, 0};
    const auto size = volume_.block_size();
    const auto first = operation.offset / size;
    return {first, (operation.offset + operation.length - 1) / size - first + 1};
}

ThinBackend::Range ThinBackend::covered(const Operation& operation) const {
    const auto size = volume_.block_size();
    const auto first = (operation.offset + size - 1) / size;
    const auto end = (operation.offset + operation.length) / size;
    return {first, end > first ? end - first : 0};
}

} // namespace thin
