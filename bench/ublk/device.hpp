// SPDX-License-Identifier: MIT
#pragma once

#include "bench/ublk/control.hpp"
#include "bench/ublk/system.hpp"

#include <cstdint>
#include <string>

namespace userblk::bench::ublk {

struct DeviceConfig {
    std::uint64_t size = 0;
    unsigned queues = 1;
    unsigned depth = 128;
    std::uint32_t max_io = 512 << 10;
    std::uint64_t flags = 0;     ///< UBLK_F_…
    bool volatile_cache = false; ///< what is written is safe after a flush only
};

/// A ublk device from its creation, or from its recovery, to its deletion. The Control must outlive
/// it; only for the Control's thread, except for const members.
class Device {
public:
    /// @throws std::system_error
    Device(Control& control, const DeviceConfig& config);
    /// Takes over a device whose server is gone; it must have been created with
    /// UBLK_F_USER_RECOVERY.
    /// @throws std::system_error
    Device(Control& control, std::uint32_t number);
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;
    /// Deletes the device unless that is done. A device taken over and not started stays.
    ~Device();

    /// See Control::share(); before start().
    void share(const Mapping& memory) {
        control_.share(info_.dev_id, {memory.data(), memory.size()});
    }
    /// Makes the disk appear, or resumes it; requires threads that have fetched all requests.
    void start();
    /// Removes the disk; pending fetches are aborted. May be repeated.
    void stop() { control_.stop(info_.dev_id); }
    /// Waits until others have closed file(), its mappings and the rings that use it.
    void remove();

    cpu_set_t affinity(unsigned queue) { return control_.affinity(info_.dev_id, queue); }

    /// May be fewer than requested: at most one per CPU.
    unsigned queues() const noexcept { return info_.nr_hw_queues; }
    unsigned depth() const noexcept { return info_.queue_depth; }
    std::uint32_t max_io() const noexcept { return info_.max_io_buf_bytes; }
    std::uint64_t flags() const noexcept { return info_.flags; }
    bool awaits_recovery() const noexcept { return awaits_recovery_; }
    int fd() const noexcept { return file_.get(); }
    std::string disk() const { return "/dev/ublkb" + std::to_string(info_.dev_id); }

    /// The requests, one ublksrv_io_desc for each tag of @p queue.
    Mapping map_requests(unsigned queue) const;

private:
    Device(Control& control, const ublksrv_ctrl_dev_info& info) : control_(control), info_(info) {}

    Control& control_;
    ublksrv_ctrl_dev_info info_;
    FileDescriptor file_;
    bool awaits_recovery_ = false; ///< taken over, and not started yet
    bool removed_ = false;
};

} // namespace userblk::bench::ublk
