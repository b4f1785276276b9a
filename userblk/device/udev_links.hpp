// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>

namespace userblk {

/// Internal: what udev makes of a device, to be waited for before somebody is told to use
/// it: /dev/userblk/by-name/NAME, and what follows from the partition table.
///
/// Where no udev runs, or our rule is not installed, there is nothing to wait for. It
/// never takes longer than $USERBLK_UDEV_WAIT, by default 10 s.
class UdevLinks {
public:
    enum class Since {
        made,  ///< the link of the disk, and those of the partitions that there are
        served ///< the partition table, which was read after the first request, as well
    };
    UdevLinks(std::uint32_t number, Since since);

    /// Whether there is nothing to wait for any more; to be asked now and then. Never
    /// waits itself.
    bool settled();
    /// Asks until it is so.
    void wait();
    /// Once settled: what is not as it should be, for people; empty if all is.
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

/// Refuses a name where something that is no link lies at /dev/userblk/by-name/NAME:
/// udev leaves it there, and whoever used the path would use it.
/// @throws abi::WrongNode
void check_link(const std::string& name);

} // namespace userblk
