// SPDX-License-Identifier: MIT
#include "userblk/ctl/commands/stats_command.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/inspect/survey.hpp"
#include "userblk/units.hpp"

#include <iomanip>
#include <iostream>
#include <limits>
#include <thread>

namespace userblk::ctl {

namespace {

void print_counts(const userblk_info& info, bool bytes) {
    std::cout << abi::disk_name(info.config.number) << '\n';
    for (const auto& counter : counters()) {
        const auto value = info.*counter.member;
        std::cout << "  " << std::left << std::setw(15) << counter.name << value;
        if (is_bytes(counter) && value >= 1024 && !bytes)
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
    return "With --interval, prints rates per second, until interrupted, until --count lines per "
           "device are printed, or until the devices are gone. "
           "Columns: " +
           column_list(names_of(stats_columns(StatsKind::rates))) + ".";
}

void StatsCommand::declare(CommandLine& line) {
    line.arguments("DEV", devices_, std::string(dev_help) + "; default: all");
    line.time("-i,--interval", interval_, "Print rates, every TIME (1s)");
    line.number<std::uint32_t>("-c,--count", count_, 1, std::numeric_limits<std::uint32_t>::max(),
                               "Exit after N intervals");
    table_.declare(line, "Print JSON; with --interval one text per device and line");
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
            // Removed meanwhile.
        } catch (const Failure& failure) { // the device of another user
            cli::complain(program_name, failure.what());
            status_ = exit_failure;
        }
    }
    return sources;
}

// Nothing: it was removed, which is reported; the others continue.
std::optional<userblk_info> StatsCommand::read_info(const Source& source) {
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
    std::vector<StatsRow> rows;
    for (const auto& source : sources)
        if (const auto info = read_info(source))
            rows.push_back(counts_of(*info));
    const auto columns = chosen(stats_columns(StatsKind::counts), table_, default_stats_columns());
    if (table_.json()) {
        cli::JsonWriter json(cli::JsonWriter::Layout::indented);
        json.begin_array();
        for (const auto& row : rows)
            write(json, columns, row);
        std::cout << json.end_array().text() << std::endl;
    } else if (table_.ask_for_table()) {
        std::cout << table_text(table_of(columns, rows, table_), table_.layout(true));
    } else {
        for (const auto& row : rows)
            print_counts(row.info, table_.bytes());
    }
    return status_;
}

// Rates per second since the last reading of the source.
std::optional<StatsRow> StatsCommand::rates_of(Source& source) {
    const auto info = read_info(source);
    if (!info)
        return std::nullopt;
    const auto now = std::chrono::steady_clock::now();
    auto rates = rates_between(source.last, *info, now - source.when);
    source.last = *info;
    source.when = now;
    return rates;
}

void StatsCommand::print_rates(const std::vector<StatsRow>& rows) const {
    const auto columns = chosen(stats_columns(StatsKind::rates), table_, default_stats_columns());
    if (!table_.json()) {
        std::cout << table_text(table_of(columns, rows, table_), table_.layout(true)) << std::flush;
        return;
    }
    for (const auto& row : rows) {
        cli::JsonWriter json;
        write(json, columns, row);
        std::cout << json.text() << std::endl;
    }
}

// For the remaining devices; removed ones are dropped.
std::vector<StatsRow> StatsCommand::all_rates(std::vector<Source>& sources) {
    std::vector<StatsRow> all;
    std::erase_if(sources, [&](Source& source) {
        auto rates = rates_of(source);
        if (rates)
            all.push_back(std::move(*rates));
        return !rates;
    });
    return all;
}

int StatsCommand::run_interval(std::vector<Source>& sources) {
    all_rates(sources); // the starting point
    for (std::uint64_t round = 0; (count_ == 0 || round < count_) && !sources.empty(); ++round) {
        std::this_thread::sleep_for(*interval_);
        const auto all = all_rates(sources);
        if (all.empty())
            break;
        print_rates(all);
        if (!std::cout)
            break;
    }
    return status_;
}

int StatsCommand::run() {
    table_.check();
    chosen(stats_columns(interval_ ? StatsKind::rates : StatsKind::counts), table_,
           default_stats_columns()); // refuses unknown columns first
    if (count_ != 0 && !interval_)
        throw UsageError("--count requires --interval");
    if (interval_ && (*interval_ < std::chrono::milliseconds(1) || *interval_ == infinity))
        throw UsageError("--interval: expected at least 1ms");
    auto sources = open_sources();
    return interval_ ? run_interval(sources) : run_once(sources);
}

} // namespace userblk::ctl
