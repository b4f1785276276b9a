// SPDX-License-Identifier: MIT
#include "userblk/backends/redirect_backend.hpp"

#include "userblk/store/file_io.hpp"

#include <algorithm>
#include <fcntl.h>
#include <linux/falloc.h>

namespace userblk {

namespace {

using Kind = Operation::Kind;

// Calls a function for each extent that is not a hole, until one fails.
template <class Call>
std::error_code for_each(const Extents& extents, Call&& call) {
    for (const auto& extent : extents) {
        if (extent.is_hole())
            continue;
        if (const auto error = call(extent))
            return error;
    }
    return {};
}

std::error_code write_zeros(const Extent& extent) {
    static constexpr std::array<std::byte, 64 << 10> zeros{};
    std::uint64_t done = 0;
    while (done < extent.length) {
        const auto piece = std::min<std::uint64_t>(zeros.size(), extent.length - done);
        const std::span data(zeros.data(), static_cast<std::size_t>(piece));
        if (const auto error = write_fully(extent.fd, data, extent.offset + done))
            return error;
        done += piece;
    }
    return {};
}

std::error_code zero(const Extent& extent, ZeroFlags flags) {
    const int mode = flags.keep_allocated ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE;
    auto error = allocate(extent.fd, mode | FALLOC_FL_KEEP_SIZE, extent.offset, extent.length);
    if (is_unsupported(error))
        error = write_zeros(extent);
    return !error && flags.fua ? sync_data(extent.fd) : error;
}

} // namespace

std::error_code RedirectBackend::read(std::uint64_t offset, std::span<std::byte> data) {
    Extents extents;
    if (const auto error = redirect({Kind::read, offset, data.size()}, extents))
        return error;
    if (extents.length() != data.size())
        return std::make_error_code(std::errc::io_error);
    for (const auto& extent : extents) {
        const auto piece = data.first(extent.length);
        data = data.subspan(extent.length);
        if (extent.is_hole())
            std::ranges::fill(piece, std::byte{0});
        else if (const auto error = read_fully(extent.fd, piece, extent.offset))
            return error;
    }
    return {};
}

std::error_code RedirectBackend::write(std::uint64_t offset, std::span<const std::byte> data,
                                       WriteFlags flags) {
    Extents extents;
    if (const auto error = redirect({Kind::write, offset, data.size(), flags.fua}, extents))
        return error;
    if (extents.length() != data.size())
        return std::make_error_code(std::errc::io_error);
    for (const auto& extent : extents) {
        if (const auto error =
                write_fully(extent.fd, data.first(extent.length), extent.offset, flags.fua))
            return error;
        data = data.subspan(extent.length);
    }
    return {};
}

std::error_code RedirectBackend::flush() {
    Extents extents;
    if (const auto error = redirect({Kind::flush}, extents))
        return error;
    return for_each(extents, [](const Extent& extent) { return sync_data(extent.fd); });
}

std::error_code RedirectBackend::discard(std::uint64_t offset, std::uint64_t length) {
    Extents extents;
    if (const auto error = redirect({Kind::discard, offset, length}, extents))
        return error;
    return for_each(extents, [](const Extent& extent) {
        return allocate(extent.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, extent.offset,
                        extent.length);
    });
}

std::error_code RedirectBackend::write_zeroes(std::uint64_t offset, std::uint64_t length,
                                              ZeroFlags flags) {
    Extents extents;
    const Operation operation{Kind::write_zeroes, offset, length, flags.fua, flags.keep_allocated};
    if (const auto error = redirect(operation, extents))
        return error;
    return for_each(extents, [&](const Extent& extent) { return zero(extent, flags); });
}

} // namespace userblk
