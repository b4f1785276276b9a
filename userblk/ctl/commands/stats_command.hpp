// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"
#include "userblk/ctl/format/counters.hpp"
#include "userblk/ctl/format/table_options.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace userblk::ctl {

/// Prints counts since creation, or their rates.
class StatsCommand final : public Command {
public:
    std::string name() const override { return "stats"; }
    std::string summary() const override {
        return "Print counts of devices since creation, or rates per second";
    }
    std::string details() const override;
    void declare(CommandLine& line) override;
    int run() override;

private:
    struct Source;
    std::optional<userblk_info> read_info(const Source& source);
    std::optional<StatsRow> rates_of(Source& source);
    std::vector<StatsRow> all_rates(std::vector<Source>& sources);
    void print_rates(const std::vector<StatsRow>& rows) const;
    std::vector<Source> open_sources();
    int run_once(const std::vector<Source>& sources);
    int run_interval(std::vector<Source>& sources);

    std::vector<std::string> devices_;
    std::optional<std::chrono::nanoseconds> interval_;
    std::uint64_t count_ = 0;
    TableOptions table_;
    int status_ = 0;
};

} // namespace userblk::ctl
