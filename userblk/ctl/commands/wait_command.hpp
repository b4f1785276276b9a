// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"
#include "userblk/device.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace userblk::ctl {

/// Waits until a device answers, is idle, or is gone.
class WaitCommand final : public Command {
public:
    std::string name() const override { return "wait"; }
    std::string summary() const override {
        return "Wait until a device answers a read, is idle, or is removed";
    }
    void declare(CommandLine& line) override;
    int run() override;

private:
    bool wait_ready(std::uint32_t number, std::chrono::nanoseconds limit) const;
    bool wait_idle(std::uint32_t number, std::chrono::nanoseconds limit) const;
    int run_removed(std::chrono::nanoseconds limit) const;
    bool wait_removed(std::uint32_t number, std::chrono::nanoseconds limit) const;

    std::string device_;
    std::string what_ = "ready";
    std::optional<std::chrono::nanoseconds> timeout_;
};

/// Waits until the device answers a read; false: timeout.
/// @throws Failure if a read fails, with a reason for the user
bool wait_until_ready(const Device& device, std::chrono::nanoseconds limit);

} // namespace userblk::ctl
