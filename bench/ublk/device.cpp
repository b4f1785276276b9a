// SPDX-License-Identifier: MIT
#include "bench/ublk/device.hpp"

#include <chrono>
#include <exception>
#include <fcntl.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace userblk::bench::ublk {

namespace {

constexpr unsigned sector_shift = 9;
constexpr unsigned logical_shift = 9;
constexpr unsigned physical_shift = 12;
constexpr std::chrono::seconds udev_patience{30};
constexpr std::chrono::milliseconds pause{10};

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

ublk_params make_parameters(const DeviceConfig& config) {
    ublk_params parameters{};
    parameters.types = UBLK_PARAM_TYPE_BASIC;
    parameters.basic.attrs = config.volatile_cache ? UBLK_ATTR_VOLATILE_CACHE : 0;
    parameters.basic.logical_bs_shift = logical_shift;
    parameters.basic.physical_bs_shift = physical_shift;
    parameters.basic.io_min_shift = physical_shift;
    parameters.basic.io_opt_shift = physical_shift;
    parameters.basic.max_sectors = config.max_io >> sector_shift;
    parameters.basic.dev_sectors = config.size >> sector_shift;
    return parameters;
}

// The node of an unprivileged device belongs to root until udev, by a rule that the administrator
// must write, gives it to its owner.
FileDescriptor open_node(const std::string& path, bool unprivileged) {
    const auto end = std::chrono::steady_clock::now() + udev_patience;
    for (;; std::this_thread::sleep_for(pause))
        try {
            return {path, O_RDWR};
        } catch (const std::system_error& error) {
            if (!unprivileged || error.code() != std::errc::permission_denied ||
                std::chrono::steady_clock::now() > end)
                throw;
        }
}

} // namespace

// From the first line on, the destructor deletes what was created.
Device::Device(Control& control, const DeviceConfig& config)
    : Device(control, control.add(make_info(config))) {
    if ((config.flags & ~info_.flags) != 0)
        throw_error("have what was asked for, which the driver refuses", EOPNOTSUPP);
    const bool unprivileged = (info_.flags & UBLK_F_UNPRIVILEGED_DEV) != 0;
    if (unprivileged)
        control_.name_node(info_.dev_id);
    file_ = open_node(Control::node(info_.dev_id), unprivileged);
    control_.set_parameters(info_.dev_id, make_parameters(config));
}

Device::Device(Control& control, std::uint32_t number)
    : control_(control), info_(control.info(number)), awaits_recovery_(true), removed_(true) {
    control_.start_recovery(number);
    file_ = FileDescriptor(Control::node(number), O_RDWR);
}

Device::~Device() {
    try {
        remove();
    } catch (const std::exception& error) {
        complain(error.what());
    }
}

void Device::start() {
    if (awaits_recovery_)
        control_.end_recovery(info_.dev_id);
    else
        control_.start(info_.dev_id);
    awaits_recovery_ = removed_ = false;
}

void Device::remove() {
    if (std::exchange(removed_, true))
        return;
    file_ = FileDescriptor();
    control_.remove(info_.dev_id);
}

// The parts of the queues are spaced for the greatest depth.
Mapping Device::map_requests(unsigned queue) const {
    return Mapping::device(file_, UBLKSRV_CMD_BUF_OFFSET + queue * pages_of(UBLK_MAX_QUEUE_DEPTH),
                           pages_of(depth()), "the requests of queue " + std::to_string(queue));
}

} // namespace userblk::bench::ublk
