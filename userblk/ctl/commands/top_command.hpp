// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace userblk::ctl {

/// Shows the activity of devices periodically; without privilege, from sysfs alone.
class TopCommand final : public Command {
public:
    std::string name() const override { return "top"; }
    std::string summary() const override {
        return "Show the activity of devices periodically; requires no privilege";
    }
    std::string details() const override;
    void declare(CommandLine& line) override;
    int run() override;

private:
    int run_batch() const;
    int run_screen() const;

    std::vector<std::string> devices_;
    std::chrono::nanoseconds interval_{std::chrono::seconds(1)};
    std::optional<std::chrono::nanoseconds> given_interval_;
    std::uint64_t count_ = 0;
    bool once_ = false;
};

} // namespace userblk::ctl
