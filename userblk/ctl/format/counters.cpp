// SPDX-License-Identifier: MIT
#include "userblk/ctl/format/counters.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/units.hpp"

#include <cmath>
#include <string_view>

namespace userblk::ctl {

namespace {

std::uint64_t per_second(std::uint64_t count, std::chrono::nanoseconds interval) {
    const auto seconds = std::chrono::duration<double>(interval).count();
    return static_cast<std::uint64_t>(std::llround(static_cast<double>(count) / seconds));
}

using Align = cli::Table::Align;
using cli::JsonWriter;

template <auto Member>
Column<StatsRow> number(const char* name, const char* key) {
    return {name, key, Align::right,
            [](JsonWriter& json, const StatsRow& row) { json.value(row.info.*Member); },
            [](const StatsRow& row, bool) { return std::to_string(row.info.*Member); }};
}

// Columns about the device itself.
std::vector<Column<StatsRow>> columns_of_devices() {
    return {
        {"DEVICE", "device", Align::left,
         [](JsonWriter& json, const StatsRow& row) {
             json.value(abi::disk_name(row.info.config.number));
         },
         [](const StatsRow& row, bool) { return abi::disk_name(row.info.config.number); }},
        {"NUMBER", "number", Align::right,
         [](JsonWriter& json, const StatsRow& row) { json.value(row.info.config.number); },
         [](const StatsRow& row, bool) { return std::to_string(row.info.config.number); }},
        {"NAME", "name", Align::cut,
         [](JsonWriter& json, const StatsRow& row) { json.value(row.info.config.name); },
         [](const StatsRow& row, bool) { return std::string(row.info.config.name); }},
        number<&userblk_info::queued>("QUEUED", "queued"),
        number<&userblk_info::taken>("TAKEN", "taken"),
        number<&userblk_info::orphaned>("ORPHANED", "orphaned"),
    };
}

Column<StatsRow> column_of_interval() {
    return {"INTERVAL", "interval_ns", Align::right,
            [](JsonWriter& json, const StatsRow& row) { json.value(row.interval); },
            [](const StatsRow& row, bool) { return format_duration(row.interval); }};
}

Column<StatsRow> column_of_counter(std::size_t i, StatsKind kind) {
    const auto& counter = counters()[i];
    const bool sized = is_bytes(counter), rate = kind == StatsKind::rates;
    return {counter.column,
            counter.name + std::string(rate ? "_per_second" : ""),
            Align::right,
            [i](JsonWriter& json, const StatsRow& row) { json.value(row.counters[i]); },
            [i, sized](const StatsRow& row, bool bytes) {
                return sized && !bytes ? format_size(row.counters[i])
                                       : std::to_string(row.counters[i]);
            },
            rate ? "/s" : ""};
}

std::vector<Column<StatsRow>> make_columns(StatsKind kind) {
    auto columns = columns_of_devices();
    if (kind == StatsKind::rates)
        columns.push_back(column_of_interval());
    for (std::size_t i = 0; i < counters().size(); ++i)
        columns.push_back(column_of_counter(i, kind));
    return columns;
}

} // namespace

const std::vector<Counter>& counters() {
    static const std::vector<Counter> all = {
        {"reads", &userblk_info::reads, "READS"},
        {"writes", &userblk_info::writes, "WRITES"},
        {"flushes", &userblk_info::flushes, "FLUSHES"},
        {"discards", &userblk_info::discards, "DISCARDS"},
        {"write_zeroes", &userblk_info::write_zeroes, "ZEROES"},
        {"bytes_read", &userblk_info::bytes_read, "READ"},
        {"bytes_written", &userblk_info::bytes_written, "WRITTEN"},
        {"errors", &userblk_info::errors, "ERRORS"},
        {"gets", &userblk_info::gets, "GETS"},
        {"resets", &userblk_info::resets, "RESETS"},
        {"put_back", &userblk_info::put_back, "PUT-BACK"},
        {"given_back", &userblk_info::given_back, "GIVEN-BACK"},
        {"stale", &userblk_info::stale, "STALE"},
        {"expired", &userblk_info::expired, "EXPIRED"},
        {"exhausted", &userblk_info::exhausted, "EXHAUSTED"},
        {"redirects", &userblk_info::redirects, "REDIRECTS"},
    };
    return all;
}

bool is_bytes(const Counter& counter) {
    return std::string_view(counter.name).starts_with("bytes_");
}

StatsRow counts_of(const userblk_info& info) {
    StatsRow row{info};
    for (const auto& counter : counters())
        row.counters.push_back(info.*counter.member);
    return row;
}

StatsRow rates_between(const userblk_info& before, const userblk_info& now,
                       std::chrono::nanoseconds interval) {
    StatsRow row{now, interval};
    for (const auto& counter : counters())
        row.counters.push_back(per_second(now.*counter.member - before.*counter.member, interval));
    return row;
}

const std::vector<Column<StatsRow>>& stats_columns(StatsKind kind) {
    static const auto counts = make_columns(StatsKind::counts);
    static const auto rates = make_columns(StatsKind::rates);
    return kind == StatsKind::rates ? rates : counts;
}

std::string default_stats_columns() {
    return "DEVICE,READS,READ,WRITES,WRITTEN,ERRORS,PUT-BACK,STALE,FLUSHES,DISCARDS,ZEROES,"
           "REDIRECTS";
}

} // namespace userblk::ctl
