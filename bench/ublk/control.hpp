// SPDX-License-Identifier: MIT
#pragma once

#include "bench/ublk/abi.hpp"
#include "bench/ublk/ring.hpp"
#include "bench/ublk/system.hpp"

#include <cstdint>
#include <sched.h>
#include <span>
#include <string>
#include <vector>

namespace userblk::bench::ublk {

/// The commands of /dev/ublk-control. Each returns on completion, and throws std::system_error;
/// only for the thread that created the object.
class Control {
public:
    Control();

    /// The UBLK_F_… that the driver supports.
    std::uint64_t features();

    /// Creates the device and /dev/ublkcN; returns what the driver made of @p wanted.
    ublksrv_ctrl_dev_info add(ublksrv_ctrl_dev_info wanted);

    /// From now on commands name the device's node, as the driver requires of unprivileged callers
    /// (UBLK_F_UNPRIVILEGED_DEV).
    void name_node(std::uint32_t number) { path_ = node(number); }

    static std::string node(std::uint32_t number) { return "/dev/ublkc" + std::to_string(number); }

    ublksrv_ctrl_dev_info info(std::uint32_t number);

    void set_parameters(std::uint32_t number, ublk_params parameters);

    /// Requests whose pages belong to @p memory, which clients have mapped, too, are not copied
    /// from now on, but name their place in it.
    void share(std::uint32_t number, std::span<std::byte> memory);

    /// Makes /dev/ublkbN appear. Waits until all requests of all queues are fetched.
    void start(std::uint32_t number);

    /// Prepares a device whose server is gone for another one. Waits for the old server's exit, but
    /// no longer than half a minute.
    void start_recovery(std::uint32_t number);

    /// Resumes the requests. Waits until all requests of all queues are fetched.
    void end_recovery(std::uint32_t number);

    /// Removes /dev/ublkbN; pending fetches get UBLK_IO_RES_ABORT.
    void stop(std::uint32_t number);

    /// Waits until nobody has /dev/ublkcN open.
    void remove(std::uint32_t number);

    /// The CPUs whose requests arrive through @p queue.
    cpu_set_t affinity(std::uint32_t number, unsigned queue);

private:
    void send(const std::string& what, unsigned operation, std::uint32_t number,
              std::span<std::byte> buffer = {}, std::uint64_t argument = 0);
    int try_send(unsigned operation, std::uint32_t number, std::span<std::byte> buffer,
                 std::uint64_t argument);

    FileDescriptor file_;
    Ring ring_;
    std::string path_;            ///< empty: no node is named
    std::vector<std::byte> data_; ///< path and buffer, as the driver expects them
};

} // namespace userblk::bench::ublk
