// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace userblk::inspect {

/// Internal: the taken requests whose takers are dead.
inline std::vector<userblk_taken> orphans_of(const abi::ControlNode& node) {
    // For requests taken between asking for the count and asking for the list.
    constexpr std::size_t spare_room = 64;
    const auto count = node.info().device.taken;
    if (count == 0)
        return {};
    auto taken = node.info(count + spare_room).taken;
    std::erase_if(taken, [](const auto& one) { return (one.flags & USERBLK_TAKEN_ORPHAN) == 0; });
    return taken;
}

/// Internal: on a device with a waiting time, how long until the kernel lets the first of these
/// be put back; at most an hour, to look again then. Nothing: time alone never does.
inline std::optional<std::chrono::nanoseconds>
time_until_put_back(const userblk_config& config, const std::vector<userblk_taken>& orphans) {
    if (config.store_wait_ns == 0 || orphans.empty())
        return std::nullopt;
    std::uint64_t left = 3600'000'000'000;
    for (const auto& orphan : orphans)
        left = std::min<std::uint64_t>(left, config.store_wait_ns -
                                                 std::min(config.store_wait_ns, orphan.dead_ns));
    return std::chrono::nanoseconds(left);
}

} // namespace userblk::inspect
