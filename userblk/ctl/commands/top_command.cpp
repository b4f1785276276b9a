// SPDX-License-Identifier: MIT
#include "userblk/ctl/commands/top_command.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/format/block_stat.hpp"
#include "userblk/ctl/format/table_text.hpp"
#include "userblk/ctl/terminal.hpp"
#include "userblk/os/deadline.hpp"
#include "userblk/units.hpp"

#include <cmath>
#include <iostream>
#include <limits>
#include <map>
#include <thread>

namespace userblk::ctl {

namespace {

using Clock = std::chrono::steady_clock;
using Align = cli::Table::Align;

struct Sample {
    abi::Attributes facts;
    BlockStat stat;
    Clock::time_point when;
};
// By diskseq, so that a reused number counts as another device.
using Samples = std::map<std::pair<std::uint32_t, std::uint64_t>, Sample>;

// Of the named devices, or of all; skips those that are gone.
Samples take_samples(const std::vector<std::string>& devices) {
    std::vector<std::uint32_t> numbers;
    for (const auto& device : devices) {
        try {
            numbers.push_back(abi::find_device(device));
        } catch (const abi::NoSuchDevice&) {
            // It may reappear.
        }
    }
    if (devices.empty())
        numbers = abi::device_numbers();
    Samples samples;
    for (const auto number : numbers) {
        try {
            const auto facts = abi::read_attributes(number);
            samples[{number, facts.diskseq}] = {facts, read_block_stat(number), Clock::now()};
        } catch (const abi::NoSuchDevice&) {
            // Removed meanwhile.
        }
    }
    return samples;
}

// The first reading, for which all named devices must exist.
Samples first_samples(const std::vector<std::string>& devices) {
    for (const auto& device : devices)
        abi::find_device(device);
    return take_samples(devices);
}

std::uint64_t rate(std::uint64_t now, std::uint64_t before, double seconds) {
    if (now <= before || seconds <= 0)
        return 0;
    return static_cast<std::uint64_t>(std::llround(static_cast<double>(now - before) / seconds));
}

std::string servers_text(const abi::Attributes& facts) {
    if (!facts.servers)
        return {}; // an old module
    return facts.state == "new" ? facts.state : std::to_string(*facts.servers);
}

std::string age_text(std::chrono::milliseconds age) {
    return age.count() == 0 ? "" : format_duration(age);
}

std::vector<std::string> row(std::uint32_t number, const Sample& now, const Sample& before) {
    const double seconds = std::chrono::duration<double>(now.when - before.when).count();
    const auto per_second = [&](std::uint64_t BlockStat::*member) {
        return rate(now.stat.*member, before.stat.*member, seconds);
    };
    return {abi::disk_name(number),
            servers_text(now.facts),
            std::to_string(now.facts.queued),
            age_text(now.facts.oldest_queued),
            age_text(now.facts.oldest_taken),
            std::to_string(now.facts.orphaned),
            std::to_string(now.facts.errors),
            std::to_string(per_second(&BlockStat::reads)),
            std::to_string(per_second(&BlockStat::writes)),
            format_size(per_second(&BlockStat::bytes_read)),
            format_size(per_second(&BlockStat::bytes_written)),
            std::to_string(now.facts.taken),
            std::to_string(per_second(&BlockStat::others)),
            now.facts.name};
}

// Signs of trouble come first: they are visible at 80 columns, too.
std::string table_of(const Samples& now, const Samples& before, std::size_t width) {
    constexpr auto right = Align::right;
    cli::Table table{{{"DEVICE"},
                      {"SERVERS", right},
                      {"QUEUED", right},
                      {"WAITING", right},
                      {"HELD", right},
                      {"ORPHANED", right},
                      {"ERRORS", right},
                      {"READS/s", right},
                      {"WRITES/s", right},
                      {"READ/s", right},
                      {"WRITTEN/s", right},
                      {"TAKEN", right},
                      {"OTHER/s", right},
                      {"NAME", Align::cut}},
                     {}};
    for (const auto& [key, sample] : now) {
        const auto found = before.find(key);
        table.rows.push_back(
            row(key.first, sample, found == before.end() ? sample : found->second));
    }
    return table_text(table, {.width = width, .drop_columns = true});
}

} // namespace

std::string TopCommand::details() const {
    return "Press q to quit. If standard output is not a terminal, prints one table after another.";
}

void TopCommand::declare(CommandLine& line) {
    line.arguments("DEV", devices_, std::string(dev_help) + "; default: all");
    line.time("-i,--interval", given_interval_, "Time between updates; default 1s");
    line.flag("--once", once_, "Print one table, after one interval, and exit");
    line.number<std::uint32_t>("-c,--count", count_, 1, std::numeric_limits<std::uint32_t>::max(),
                               "Exit after N tables");
}

int TopCommand::run_batch() const {
    auto before = first_samples(devices_);
    for (std::uint64_t round = 0; count_ == 0 || round < count_; ++round) {
        if (round > 0)
            std::cout << '\n';
        std::this_thread::sleep_for(interval_);
        auto now = take_samples(devices_);
        std::cout << table_of(now, before, Terminal::output_columns()) << std::flush;
        if (!std::cout)
            break;
        before = std::move(now);
    }
    return exit_success;
}

int TopCommand::run_screen() const {
    const Terminal terminal;
    const std::string title =
        "userblk, every " + format_duration(interval_) + "                q: quit\n\n";
    auto before = first_samples(devices_);
    auto now = before;
    auto next = after(Clock::now(), interval_);
    for (std::uint64_t round = 0; count_ == 0 || round <= count_;) {
        terminal.show(title + table_of(now, before, Terminal::columns()));
        const auto input = terminal.wait(next - Clock::now());
        if (input.event == Terminal::Event::interrupted)
            break;
        if (input.event == Terminal::Event::key && (input.key == 'q' || input.key == 'Q'))
            break;
        if (input.event != Terminal::Event::time)
            continue;
        before = std::move(now);
        now = take_samples(devices_);
        next = after(next, interval_);
        ++round;
    }
    return exit_success;
}

int TopCommand::run() {
    interval_ = given_interval_.value_or(interval_);
    if (interval_ < std::chrono::milliseconds(10) || interval_ == infinity)
        throw UsageError("--interval: expected at least 10ms");
    if (once_)
        count_ = 1;
    return once_ || !Terminal::available() ? run_batch() : run_screen();
}

} // namespace userblk::ctl
