// SPDX-License-Identifier: MIT
#include "bench/ublk/device.hpp"

#include <exception>
#include <fcntl.h>
#include <unistd.h>

namespace userblk::bench::ublk {

namespace {

constexpr unsigned sector_shift = 9;
constexpr unsigned logical_shift = 9;
constexpr unsigned physical_shift = 12;

std::size_t pages_of(std::size_t depth) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return (depth * sizeof(ublksrv_io_desc) + page - 1) / page * page;
}

ublksrv_ctrl_dev_info make_info(const DeviceConfig& config) {
    ublksrv_ctrl_dev_info info{};
    info.nr_hw_queues = static_cast<std::uint16_t>(config.queues);
    info.queue_depth = static_cast<std::uint16_t>(config.depth);
    info.max_io_buf_bytes = config.max_io;
    info.flags = config.flags | UBLK_F_CMD_IOCTL_ENCODE;
    return info;
}

// No volatile cache is claimed: nothing here is safer after a flush.
ublk_params make_parameters(const DeviceConfig& config) {
    ublk_params parameters{};
    parameters.types = UBLK_PARAM_TYPE_BASIC;
    parameters.basic.logical_bs_shift = logical_shift;
    parameters.basic.physical_bs_shift = physical_shift;
    parameters.basic.io_min_shift = physical_shift;
    parameters.basic.io_opt_shift = physical_shift;
    parameters.basic.max_sectors = config.max_io >> sector_shift;
    parameters.basic.dev_sectors = config.size >> sector_shift;
    return parameters;
}

} // namespace

// From the first line on the destructor is there to delete what was created.
Device::Device(Control& control, const DeviceConfig& config)
    : Device(control, control.add(make_info(config))) {
    if ((config.flags & ~info_.flags) != 0)
        throw_error("have the way of moving data that was asked for", EOPNOTSUPP);
    control_.set_parameters(info_.dev_id, make_parameters(config));
    file_ = FileDescriptor("/dev/ublkc" + std::to_string(info_.dev_id), O_RDWR);
}

Device::~Device() {
    try {
        remove();
    } catch (const std::exception& error) {
        complain(error.what());
    }
}

void Device::remove() {
    if (std::exchange(removed_, true))
        return;
    file_ = FileDescriptor();
    control_.remove(info_.dev_id);
}

// The queues' parts have room for the greatest depth between their beginnings.
Mapping Device::map_requests(unsigned queue) const {
    return Mapping::device(file_, UBLKSRV_CMD_BUF_OFFSET + queue * pages_of(UBLK_MAX_QUEUE_DEPTH),
                           pages_of(depth()), "the requests of queue " + std::to_string(queue));
}

} // namespace userblk::bench::ublk
