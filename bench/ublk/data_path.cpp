// SPDX-License-Identifier: MIT
#include "bench/ublk/data_path.hpp"

#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace userblk::bench::ublk {

namespace {

constexpr unsigned sector_shift = 9;

std::uint64_t address_of(const std::byte* data) noexcept {
    return reinterpret_cast<std::uintptr_t>(data);
}

bool is_write(const ublksrv_io_desc& request) noexcept {
    return ublksrv_get_op(&request) == UBLK_IO_OP_WRITE;
}

bool needs_buffers(DataMode mode, const Target& target) noexcept {
    return mode == DataMode::buffer || (mode == DataMode::get_data && !target.stores());
}

off_t position_of(unsigned queue, unsigned tag) noexcept {
    return static_cast<off_t>(UBLKSRV_IO_BUF_OFFSET + (std::uint64_t(queue) << UBLK_QID_OFF) +
                              (std::uint64_t(tag) << UBLK_TAG_OFF));
}

} // namespace

std::uint64_t flags_of(DataMode mode) noexcept {
    switch (mode) {
    case DataMode::get_data:
        return UBLK_F_NEED_GET_DATA;
    case DataMode::user_copy:
        return UBLK_F_USER_COPY;
    case DataMode::registered:
        return UBLK_F_AUTO_BUF_REG;
    case DataMode::buffer:
        break;
    }
    return 0;
}

DataPath::DataPath(DataMode mode, const Device& device, const Target& target, const Mapping& shared,
                   unsigned queue, const Tags& tags)
    : mode_(mode), target_(target), shared_(shared.data()), fd_(device.fd()), queue_(queue),
      tags_(tags), max_io_(device.max_io()) {
    if (needs_buffers(mode, target))
        buffers_ = Mapping::memory(tags.count() * max_io_,
                                   "the buffers of queue " + std::to_string(queue));
}

std::byte* DataPath::shared_place(const ublksrv_io_desc& request) const noexcept {
    return shared_ != nullptr && (request.op_flags & UBLK_IO_F_SHMEM_ZC) != 0
               ? shared_ + (request.addr & UBLK_SHMEM_ZC_OFF_MASK)
               : nullptr;
}

std::byte* DataPath::io_address(unsigned tag, const ublksrv_io_desc& request) const noexcept {
    if (mode_ == DataMode::registered)
        return nullptr;
    const auto shared = shared_place(request);
    return shared != nullptr ? shared : buffer(tag);
}

std::uint64_t DataPath::first_address(unsigned tag) const noexcept {
    return mode_ == DataMode::buffer ? address_of(buffer(tag)) : 0;
}

std::byte* DataPath::place(unsigned tag, const ublksrv_io_desc& request) const noexcept {
    return target_.stores() ? target_.at(request.start_sector << sector_shift) : buffer(tag);
}

std::uint64_t DataPath::room(unsigned tag, const ublksrv_io_desc& request) const noexcept {
    return address_of(place(tag, request));
}

DataPath::Answer DataPath::carry_out(unsigned tag, const ublksrv_io_desc& request) const noexcept {
    switch (ublksrv_get_op(&request)) {
    case UBLK_IO_OP_READ:
    case UBLK_IO_OP_WRITE:
        return move(tag, request);
    case UBLK_IO_OP_FLUSH:
        return {0, first_address(tag)};
    default:
        return {-EOPNOTSUPP, first_address(tag)};
    }
}

DataPath::Answer DataPath::move(unsigned tag, const ublksrv_io_desc& request) const noexcept {
    // For a WRITE, the amount that the driver has copied, which may be less than requested.
    const std::size_t length = std::size_t(request.nr_sectors) << sector_shift;
    const auto result = static_cast<std::int32_t>(length);
    if (const auto shared = shared_place(request)) {
        if (target_.stores() && is_write(request))
            std::memcpy(place(tag, request), shared, length);
        else if (target_.stores())
            std::memcpy(shared, place(tag, request), length);
        return {result, first_address(tag)};
    }
    switch (mode_) {
    case DataMode::buffer:
        if (target_.stores() && is_write(request))
            std::memcpy(place(tag, request), buffer(tag), length);
        else if (target_.stores())
            std::memcpy(buffer(tag), place(tag, request), length);
        return {result, address_of(buffer(tag))};
    case DataMode::get_data:
        return {result, address_of(place(tag, request))};
    case DataMode::user_copy:
        return {!target_.stores() || copy(tag, request, length) ? result : -EIO, 0};
    case DataMode::registered: // of a disk alone
        break;
    }
    return {-EIO, 0};
}

bool DataPath::copy(unsigned tag, const ublksrv_io_desc& request,
                    std::size_t length) const noexcept {
    const auto data = place(tag, request);
    const auto position = position_of(queue_, tag);
    const auto done = is_write(request) ? ::pread(fd_, data, length, position)
                                        : ::pwrite(fd_, data, length, position);
    return done == static_cast<ssize_t>(length);
}

} // namespace userblk::bench::ublk
