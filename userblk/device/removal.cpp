// SPDX-License-Identifier: MIT
#include "userblk/device/removal.hpp"

#include "userblk/device.hpp"

#include <csignal>
#include <ctime>
#include <unistd.h>
#include <utility>

namespace userblk {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto patience = 3s;
constexpr auto patience_with_udev = 30s;

// udevd keeps this file while it handles events.
bool is_udev_at_work() {
    return ::access("/run/udev/queue", F_OK) == 0;
}

} // namespace

Removal::Removal(const abi::Identity& device, std::function<bool()> in_use)
    : device_(device), in_use_(std::move(in_use)), start_(Clock::now()) {}

bool Removal::may_wait() const {
    if (in_use_ && in_use_())
        return false;
    const auto spent = Clock::now() - start_;
    return spent < patience || (spent < patience_with_udev && is_udev_at_work());
}

std::optional<std::error_code> Removal::attempt() {
    try {
        Device::remove(device_.number, false, device_.diskseq);
        return std::error_code();
    } catch (const std::system_error& error) {
        if (error.code() == std::errc::device_or_resource_busy && may_wait())
            return std::nullopt;
        return error.code();
    }
}

std::error_code remove_patiently(Removal removal,
                                 const std::function<bool(std::chrono::milliseconds)>& wait) {
    for (;;) {
        if (const auto result = removal.attempt())
            return *result;
        if (!wait(Removal::try_every))
            return std::make_error_code(std::errc::device_or_resource_busy);
    }
}

bool wait_for_end_signal(std::chrono::milliseconds limit) noexcept {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    ::sigaddset(&set, SIGINT);
    const timespec time{static_cast<time_t>(limit.count() / 1000),
                        static_cast<long>(limit.count() % 1000 * 1'000'000)};
    return ::sigtimedwait(&set, nullptr, &time) < 0;
}

} // namespace userblk
