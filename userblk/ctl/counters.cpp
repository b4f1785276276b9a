// SPDX-License-Identifier: MIT
#include "userblk/ctl/counters.hpp"

#include "userblk/cli/json.hpp"
#include "userblk/inspect/survey.hpp"

#include <cmath>
#include <string>
#include <string_view>

namespace userblk::ctl {

namespace {

std::uint64_t per_second(std::uint64_t count, std::chrono::nanoseconds interval) {
    const auto seconds = std::chrono::duration<double>(interval).count();
    return static_cast<std::uint64_t>(std::llround(static_cast<double>(count) / seconds));
}

// What both forms begin with.
void write_now(cli::JsonWriter& json, const userblk_info& info) {
    inspect::write_identity(json, info.config.number, info.config.name);
    json.member("queued", info.queued)
        .member("taken", info.taken)
        .member("orphaned", info.orphaned);
}

} // namespace

const std::vector<Counter>& counters() {
    static const std::vector<Counter> all = {
        {"reads", &userblk_info::reads, "READS/s", 1},
        {"writes", &userblk_info::writes, "WRITES/s", 3},
        {"flushes", &userblk_info::flushes, "FLUSHES/s", 8},
        {"discards", &userblk_info::discards, "DISCARDS/s", 9},
        {"write_zeroes", &userblk_info::write_zeroes, "ZEROES/s", 10},
        {"bytes_read", &userblk_info::bytes_read, "READ/s", 2},
        {"bytes_written", &userblk_info::bytes_written, "WRITTEN/s", 4},
        {"errors", &userblk_info::errors, "ERRORS/s", 5},
        {"gets", &userblk_info::gets},
        {"resets", &userblk_info::resets},
        {"put_back", &userblk_info::put_back, "PUT-BACK/s", 6},
        {"given_back", &userblk_info::given_back},
        {"stale", &userblk_info::stale, "STALE/s", 7},
        {"expired", &userblk_info::expired},
        {"exhausted", &userblk_info::exhausted},
        {"redirects", &userblk_info::redirects, "REDIRECTS/s", 11},
    };
    return all;
}

bool is_bytes(const Counter& counter) {
    return std::string_view(counter.name).starts_with("bytes_");
}

Rates rates_between(const userblk_info& before, const userblk_info& now,
                    std::chrono::nanoseconds interval) {
    Rates rates{now, interval, {}};
    for (const auto& counter : counters())
        rates.per_second.push_back(
            per_second(now.*counter.member - before.*counter.member, interval));
    return rates;
}

void write_counts(cli::JsonWriter& json, const userblk_info& info) {
    json.begin_object();
    write_now(json, info);
    for (const auto& counter : counters())
        json.member(counter.name, info.*counter.member);
    json.end_object();
}

void write_rates(cli::JsonWriter& json, const Rates& rates) {
    json.begin_object();
    write_now(json, rates.info);
    json.member("interval_ns", rates.interval);
    for (std::size_t i = 0; i < counters().size(); ++i)
        json.member(counters()[i].name + std::string("_per_second"), rates.per_second[i]);
    json.end_object();
}

} // namespace userblk::ctl
