// SPDX-License-Identifier: MIT
#pragma once

#include "bench/ublk/abi.hpp"
#include "bench/ublk/ring.hpp"
#include "bench/ublk/system.hpp"

#include <cstdint>
#include <sched.h>
#include <span>
#include <string>

namespace userblk::bench::ublk {

/// The commands of /dev/ublk-control. Each returns when it is done, and throws
/// std::system_error; for the thread that made the object.
class Control {
public:
    Control();

    /// UBLK_F_… that the driver knows.
    std::uint64_t features();

    /// Creates the device and /dev/ublkcN; returns what the driver has made of @p wanted.
    ublksrv_ctrl_dev_info add(ublksrv_ctrl_dev_info wanted);

    void set_parameters(std::uint32_t number, ublk_params parameters);

    /// Makes /dev/ublkbN appear. Waits until all requests of all queues are fetched.
    void start(std::uint32_t number);

    /// Removes /dev/ublkbN; those who fetch get UBLK_IO_RES_ABORT.
    void stop(std::uint32_t number);

    /// Waits until nobody has /dev/ublkcN open.
    void remove(std::uint32_t number);

    /// The processors whose requests come by @p queue.
    cpu_set_t affinity(std::uint32_t number, unsigned queue);

private:
    void send(const std::string& what, unsigned operation, std::uint32_t number,
              std::span<std::byte> buffer = {}, std::uint64_t argument = 0);

    FileDescriptor file_;
    Ring ring_;
};

} // namespace userblk::bench::ublk
