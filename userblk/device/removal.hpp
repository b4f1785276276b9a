// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/lookup.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <system_error>

namespace userblk {

/// Internal: removes a device that nobody uses. Somebody may have it open for just a moment,
/// as udev does, which looks at each disk that was written to when that is closed; so it is
/// tried again for some moments, and for longer while udev is at work.
class Removal {
public:
    static constexpr std::chrono::milliseconds try_every{50};

    /// @param in_use says that it is of no use to wait, since the device is mounted, say
    explicit Removal(const abi::Identity& device, std::function<bool()> in_use = {});

    /// Tries it once. Nothing: try again, after try_every. Otherwise the result; EBUSY:
    /// it is in use, and given up.
    std::optional<std::error_code> attempt();

private:
    bool may_wait() const;

    abi::Identity device_;
    std::function<bool()> in_use_;
    std::chrono::steady_clock::time_point start_;
};

/// Internal: the same, to the end.
/// @param wait waits for that long; false: there is no time
std::error_code remove_patiently(Removal removal,
                                 const std::function<bool(std::chrono::milliseconds)>& wait);

/// Internal: waits, but not beyond a signal that asks this process to end, SIGTERM or SIGINT,
/// which it takes: false then. They must be blocked, as in a Pool's process they are.
bool wait_for_end_signal(std::chrono::milliseconds limit) noexcept;

} // namespace userblk
