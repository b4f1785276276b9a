// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"
#include "userblk/ctl/counters.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace userblk::ctl {

/// Prints what was counted since a device was made, or how much that grows.
class StatsCommand final : public Command {
public:
    std::string name() const override { return "stats"; }
    std::string summary() const override {
        return "Print the counts of devices since creation, or per second";
    }
    std::string details() const override;
    void declare(CommandLine& line) override;
    int run() override;

private:
    struct Source;
    std::optional<userblk_info> look_at(const Source& source);
    std::optional<Rates> rates_of(Source& source);
    std::vector<Rates> all_rates(std::vector<Source>& sources);
    static void print_rates(const std::vector<Rates>& all);
    static void print_rates_json(const std::vector<Rates>& all);
    std::vector<Source> open_sources();
    int run_once(const std::vector<Source>& sources);
    int run_interval(std::vector<Source>& sources);

    std::vector<std::string> devices_;
    std::optional<std::chrono::nanoseconds> interval_;
    std::uint64_t count_ = 0;
    bool json_ = false;
    int status_ = 0;
};

} // namespace userblk::ctl
