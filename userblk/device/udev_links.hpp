// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>

namespace userblk {

/// Internal: waits for udev to process a device before it is reported ready:
/// /dev/userblk/by-name/NAME, and what follows from the partition table.
///
/// Without a running udev, or without our rule, there is nothing to wait for. The wait is
/// limited to $USERBLK_UDEV_WAIT, by default 10 s.
class UdevLinks {
public:
    enum class Since {
        made,  ///< the link of the disk, and those of its current partitions
        served ///< also the partition table, which is read after the first request
    };
    UdevLinks(std::uint32_t number, Since since);

    /// Whether the wait is over; call it periodically. Does not wait itself.
    bool settled();
    /// Waits until settled.
    void wait();
    /// Once settled: what is wrong, as a message; empty if nothing.
    const std::string& complaint() const noexcept { return complaint_; }

private:
    using Clock = std::chrono::steady_clock;

    bool settle(std::string complaint = {});
    std::string missing() const;
    std::string missing_of_partitions() const;
    bool gave_up();

    std::uint32_t number_;
    Since since_;
    std::string name_;
    std::string diskseq_;
    dev_t device_ = 0;
    std::chrono::nanoseconds limit_;
    std::optional<Clock::time_point> start_, idle_since_;
    std::string complaint_;
    bool settled_ = false;
};

/// Refuses a name if /dev/userblk/by-name/NAME is not a link: udev does not replace it, and
/// users of the path would use it.
/// @throws abi::WrongNode
void check_link(const std::string& name);

} // namespace userblk
