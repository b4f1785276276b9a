// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/lookup.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <system_error>

namespace userblk {

/// Internal: removes an unused device. Programs may have it open briefly, such as udev, which
/// probes each disk when a writer closes it; so the removal retries for a short time, and
/// longer while udev is busy.
class Removal {
public:
    static constexpr std::chrono::milliseconds try_every{50};

    /// @param in_use returns true if waiting is pointless, because the device is mounted, say
    explicit Removal(const abi::Identity& device, std::function<bool()> in_use = {});

    /// Tries once. Nothing: try again after try_every. Otherwise the result; EBUSY: the
    /// device is in use, and the removal gave up.
    std::optional<std::error_code> attempt();

private:
    bool may_wait() const;

    abi::Identity device_;
    std::function<bool()> in_use_;
    std::chrono::steady_clock::time_point start_;
};

/// Internal: the same, until it has a result.
/// @param wait waits for that long; returns false to give up
std::error_code remove_patiently(Removal removal,
                                 const std::function<bool(std::chrono::milliseconds)>& wait);

/// Internal: waits, but returns false on SIGTERM or SIGINT, which it consumes. They must be
/// blocked, as in the process of a Pool.
bool wait_for_end_signal(std::chrono::milliseconds limit) noexcept;

} // namespace userblk
