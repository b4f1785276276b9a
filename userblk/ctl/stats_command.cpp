// SPDX-License-Identifier: MIT
#include "userblk/ctl/stats_command.hpp"

#include "ioctl/lookup.hpp"
#include "recover/survey.hpp"
#include "recover/table.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/device_facts.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <limits>
#include <thread>

namespace userblk::ctl {

namespace {

using recovery::Table;

bool is_bytes(const Counter& counter) {
    return std::string_view(counter.name).starts_with("bytes_");
}

std::uint64_t per_second(std::uint64_t now, std::uint64_t before, double seconds) {
    return static_cast<std::uint64_t>(std::llround(static_cast<double>(now - before) / seconds));
}

Poco::JSON::Object::Ptr json_of(const userblk_info& info) {
    auto json = json_object();
    json->set("device", abi::disk_name(info.config.number));
    json->set("name", std::string(info.config.name));
    json->set("queued", Poco::UInt64(info.queued));
    json->set("taken", Poco::UInt64(info.taken));
    json->set("orphaned", Poco::UInt64(info.orphaned));
    return json;
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

    userblk_info look() const { return node.info().device; }
};

struct StatsCommand::Rates {
    userblk_info info;
    double seconds;
    std::vector<std::uint64_t> values; ///< of counters()
};

std::string StatsCommand::details() const {
    return "With --interval it goes on, and prints per second what was counted meanwhile, until "
           "it is interrupted or --count lines per device are out.";
}

void StatsCommand::declare(CommandLine& line) {
    line.arguments("DEV", devices_, std::string(dev_help) + "; none: all");
    line.time("-i,--interval", interval_, "Print rates, every TIME (1s)");
    line.number<std::uint32_t>("-c,--count", count_, 1, std::numeric_limits<std::uint32_t>::max(),
                               "End after N of them");
    line.flag("--json", json_, "Print JSON; with --interval one text per device and line");
}

std::vector<StatsCommand::Source> StatsCommand::open_sources() const {
    std::vector<Source> sources;
    for (const auto& device : devices_)
        sources.push_back({recovery::open_node(abi::find_device(device))});
    if (devices_.empty())
        for (const auto number : abi::device_numbers())
            sources.push_back({recovery::open_node(number)});
    return sources;
}

int StatsCommand::run_once(const std::vector<Source>& sources) const {
    Poco::JSON::Array list;
    for (const auto& source : sources) {
        const auto info = source.look();
        if (!json_) {
            print_counts(info);
            continue;
        }
        auto json = json_of(info);
        for (const auto& counter : counters())
            json->set(counter.name, Poco::UInt64(info.*counter.member));
        list.add(json);
    }
    if (json_)
        print_json(std::cout, list);
    return exit_success;
}

// What was counted since the source was looked at last, per second.
StatsCommand::Rates StatsCommand::rates_of(Source& source) {
    Rates rates{source.look(), 0, {}};
    const auto now = std::chrono::steady_clock::now();
    rates.seconds = std::chrono::duration<double>(now - source.when).count();
    for (const auto& counter : counters())
        rates.values.push_back(
            per_second(rates.info.*counter.member, source.last.*counter.member, rates.seconds));
    source.last = rates.info;
    source.when = now;
    return rates;
}

void StatsCommand::print_rates(const std::vector<Rates>& all) {
    std::vector<Table::Column> columns = {{"DEVICE"}};
    for (const auto& counter : counters())
        if (counter.heading != nullptr)
            columns.push_back({counter.heading, Table::Align::right});
    Table table(std::move(columns));
    for (const auto& rates : all) {
        std::vector<std::string> cells = {abi::disk_name(rates.info.config.number)};
        for (std::size_t i = 0; i < counters().size(); ++i)
            if (counters()[i].heading != nullptr)
                cells.push_back(is_bytes(counters()[i]) ? format_size(rates.values[i])
                                                        : std::to_string(rates.values[i]));
        table.add(std::move(cells));
    }
    table.print(std::cout);
    std::cout << std::flush;
}

void StatsCommand::print_rates_json(const std::vector<Rates>& all) {
    for (const auto& rates : all) {
        auto json = json_of(rates.info);
        json->set("seconds", rates.seconds);
        for (std::size_t i = 0; i < counters().size(); ++i)
            json->set(counters()[i].name + std::string("_per_second"),
                      Poco::UInt64(rates.values[i]));
        print_json_line(std::cout, json);
    }
}

int StatsCommand::run_interval(std::vector<Source>& sources) const {
    for (auto& source : sources) {
        source.last = source.look();
        source.when = std::chrono::steady_clock::now();
    }
    for (std::uint64_t round = 0; count_ == 0 || round < count_; ++round) {
        std::this_thread::sleep_for(*interval_);
        std::vector<Rates> all;
        for (auto& source : sources)
            all.push_back(rates_of(source));
        json_ ? print_rates_json(all) : print_rates(all);
    }
    return exit_success;
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
