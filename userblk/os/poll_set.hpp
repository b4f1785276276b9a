// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <poll.h>
#include <vector>

namespace userblk {

/// Internal: descriptors to wait for with poll(2).
class PollSet {
public:
    using Clock = std::chrono::steady_clock;

    /// @param fd -1: never ready. @returns its index, for ready()
    std::size_t add(int fd, short events = POLLIN);
    /// Waits until a descriptor is ready, a signal arrives, or it is @p deadline; max(): no
    /// deadline. @returns whether one is ready
    bool wait_until(Clock::time_point deadline);
    /// The events of a descriptor, 0 if there are none.
    short ready(std::size_t index) const noexcept { return entries_[index].revents; }

private:
    std::vector<pollfd> entries_;
};

} // namespace userblk
