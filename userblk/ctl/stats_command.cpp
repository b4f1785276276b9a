// SPDX-License-Identifier: MIT
#include "userblk/ctl/stats_command.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/cli/json.hpp"
#include "userblk/cli/table.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/terminal.hpp"
#include "userblk/inspect/survey.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <limits>
#include <thread>

namespace userblk::ctl {

namespace {

using cli::Table;

// Which counters a table of rates has, in the order of its columns: the last ones
// are left out where the terminal is narrow.
std::vector<std::size_t> shown_rates() {
    std::vector<std::size_t> shown;
    for (std::size_t i = 0; i < counters().size(); ++i)
        if (counters()[i].heading != nullptr)
            shown.push_back(i);
    std::stable_sort(shown.begin(), shown.end(), [](std::size_t a, std::size_t b) {
        return counters()[a].place < counters()[b].place;
    });
    return shown;
}

void print_counts(const userblk_info& info) {
    std::cout << abi::disk_name(info.config.number) << '\n';
    for (const auto& counter : counters()) {
        const auto value = info.*counter.member;
        std::cout << "  " << std::left << std::setw(15) << counter.name << value;
        if (is_bytes(counter) && value >= 1024)
            std::cout << " (" << format_size(value) << ")";
        std::cout << '\n';
    }
}

} // namespace

struct StatsCommand::Source {
    abi::ControlNode node;
    userblk_info last{};
    std::chrono::steady_clock::time_point when{};
};

std::string StatsCommand::details() const {
    return "With --interval it goes on, and prints per second what was counted meanwhile, until "
           "it is interrupted, --count lines per device are out, or the devices are gone.";
}

void StatsCommand::declare(CommandLine& line) {
    line.arguments("DEV", devices_, std::string(dev_help) + "; none: all");
    line.time("-i,--interval", interval_, "Print rates, every TIME (1s)");
    line.number<std::uint32_t>("-c,--count", count_, 1, std::numeric_limits<std::uint32_t>::max(),
                               "End after N of them");
    line.flag("--json", json_, "Print JSON; with --interval one text per device and line");
}

std::vector<StatsCommand::Source> StatsCommand::open_sources() {
    std::vector<Source> sources;
    for (const auto& device : devices_)
        sources.push_back({inspect::open_node(abi::find_device(device))});
    if (!devices_.empty())
        return sources;
    for (const auto number : abi::device_numbers()) {
        try {
            sources.push_back({inspect::open_node(number)});
        } catch (const abi::NoSuchDevice&) {
            // It was removed meanwhile.
        } catch (const Failure& failure) { // one that is another's
            cli::complain(program_name, failure.what());
            status_ = exit_failure;
        }
    }
    return sources;
}

// Nothing: it was removed, which is told of, and no reason to leave the others.
std::optional<userblk_info> StatsCommand::look_at(const Source& source) {
    try {
        return source.node.info().device;
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::no_such_device)
            throw;
    }
    cli::complain(program_name, abi::disk_name(source.node.number()) + " was removed");
    if (!devices_.empty())
        status_ = exit_failure;
    return std::nullopt;
}

int StatsCommand::run_once(const std::vector<Source>& sources) {
    cli::JsonWriter json(cli::JsonWriter::Layout::indented);
    json.begin_array();
    for (const auto& source : sources) {
        const auto info = look_at(source);
        if (!info)
            continue;
        if (json_)
            write_counts(json, *info);
        else
            print_counts(*info);
    }
    if (json_)
        std::cout << json.end_array().text() << std::endl;
    return status_;
}

// What was counted since the source was looked at last, per second.
std::optional<Rates> StatsCommand::rates_of(Source& source) {
    const auto info = look_at(source);
    if (!info)
        return std::nullopt;
    const auto now = std::chrono::steady_clock::now();
    auto rates = rates_between(source.last, *info, now - source.when);
    source.last = *info;
    source.when = now;
    return rates;
}

void StatsCommand::print_rates(const std::vector<Rates>& all) {
    const auto shown = shown_rates();
    std::vector<Table::Column> columns = {{"DEVICE"}};
    for (const auto i : shown)
        columns.push_back({counters()[i].heading, Table::Align::right});
    Table table(std::move(columns));
    for (const auto& rates : all) {
        std::vector<std::string> cells = {abi::disk_name(rates.info.config.number)};
        for (const auto i : shown)
            cells.push_back(is_bytes(counters()[i]) ? format_size(rates.per_second[i])
                                                    : std::to_string(rates.per_second[i]));
        table.add(std::move(cells));
    }
    table.fit(Terminal::output_columns());
    table.print(std::cout);
    std::cout << std::flush;
}

void StatsCommand::print_rates_json(const std::vector<Rates>& all) {
    for (const auto& rates : all) {
        cli::JsonWriter json;
        write_rates(json, rates);
        std::cout << json.text() << std::endl;
    }
}

// Of those that are still there; the others are left out from then on.
std::vector<Rates> StatsCommand::all_rates(std::vector<Source>& sources) {
    std::vector<Rates> all;
    std::erase_if(sources, [&](Source& source) {
        auto rates = rates_of(source);
        if (rates)
            all.push_back(std::move(*rates));
        return !rates;
    });
    return all;
}

int StatsCommand::run_interval(std::vector<Source>& sources) {
    all_rates(sources); // from where to count
    for (std::uint64_t round = 0; (count_ == 0 || round < count_) && !sources.empty(); ++round) {
        std::this_thread::sleep_for(*interval_);
        const auto all = all_rates(sources);
        if (all.empty())
            break;
        json_ ? print_rates_json(all) : print_rates(all);
        if (!std::cout)
            break;
    }
    return status_;
}

int StatsCommand::run() {
    if (count_ != 0 && !interval_)
        throw UsageError("--count goes with --interval");
    if (interval_ && (*interval_ < std::chrono::milliseconds(1) || *interval_ == infinity))
        throw UsageError("--interval: a time from 1ms on is right");
    auto sources = open_sources();
    return interval_ ? run_interval(sources) : run_once(sources);
}

} // namespace userblk::ctl
