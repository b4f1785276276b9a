// SPDX-License-Identifier: MIT
#include "userblk/ctl/format/service_state.hpp"

#include "userblk/cli/json.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <ctime>
#include <optional>

namespace userblk::ctl {

namespace {

// Local time.
std::string clock_text(std::chrono::system_clock::time_point when) {
    const auto seconds = std::chrono::system_clock::to_time_t(when);
    std::tm parts{};
    char text[32];
    ::localtime_r(&seconds, &parts);
    return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts)};
}

} // namespace

std::string Service::state() const {
    if (!ever)
        return "new";
    return servers == 0U ? "unserved" : "served";
}

std::string Service::text() const {
    if (!ever)
        return "new: never served";
    if (!servers)
        return "served";
    if (*servers > 0)
        return "served by " + std::to_string(*servers) +
               (*servers == 1 ? " process" : " processes");
    const auto since = std::chrono::system_clock::now() -
                       std::chrono::duration_cast<std::chrono::system_clock::duration>(unserved);
    return "unserved for " + format_duration(unserved) + ", since " + clock_text(since);
}

std::vector<pid_t> pids_of(const std::vector<Announcement>& supervisors) {
    std::vector<pid_t> pids;
    for (const auto& one : supervisors)
        pids.push_back(one.pid);
    return pids;
}

std::vector<SupervisorRecord> serving_records(std::uint32_t number, std::uint64_t diskseq) {
    auto records = supervisor_records(number);
    std::erase_if(records, [diskseq](const SupervisorRecord& record) {
        return record.diskseq != 0 && diskseq != 0 && record.diskseq != diskseq;
    });
    return records;
}

std::vector<std::string> stores_of(const std::vector<SupervisorRecord>& records) {
    std::vector<std::string> stores;
    for (const auto& record : records)
        if (!record.store.empty() &&
            std::find(stores.begin(), stores.end(), record.store) == stores.end())
            stores.push_back(record.store);
    return stores;
}

std::string stores_text(const std::vector<SupervisorRecord>& records) {
    std::vector<std::string> stores;
    for (const auto& record : records) {
        const auto& state = record.store_state;
        const auto store = record.store + (state.empty() ? "" : " (" + state + ")");
        if (!record.store.empty() && std::find(stores.begin(), stores.end(), store) == stores.end())
            stores.push_back(store);
    }
    std::string text;
    for (const auto& store : stores)
        text += (text.empty() ? "" : ", ") + store;
    return text;
}

namespace {

// Nothing if there is no error, or its time is not plausible.
std::optional<std::chrono::system_clock::time_point> error_since(const SupervisorRecord& record) {
    constexpr std::int64_t last_year = 9'000'000'000;
    if (record.error.empty() || record.error_time <= 0 || record.error_time > last_year)
        return std::nullopt;
    return std::chrono::system_clock::time_point(std::chrono::seconds(record.error_time));
}

std::chrono::nanoseconds error_age(const SupervisorRecord& record) {
    const auto since = error_since(record);
    const auto age =
        since ? std::chrono::system_clock::now() - *since : std::chrono::nanoseconds(0);
    return std::max(age, std::chrono::nanoseconds(0));
}

} // namespace

std::string error_text(const SupervisorRecord& record) {
    const auto since = error_since(record);
    return record.error + (since ? " (since " + clock_text(*since) + ")" : "");
}

std::string options_text(const SupervisorRecord& record) {
    std::string text;
    if (record.workers > 0)
        text = format_count(record.workers, "worker") + " of " +
               format_count(record.threads, "thread");
    for (const auto& option : record.options)
        text += (text.empty() ? "" : ", ") + option;
    return text;
}

void write(cli::JsonWriter& json, const std::vector<SupervisorRecord>& records) {
    json.begin_array();
    for (const auto& record : records)
        json.begin_object()
            .member("supervisor", record.pid)
            .member("store", record.store)
            .member("store_state", record.store_state)
            .member("error", record.error)
            .member("error_age_ns", error_age(record))
            .member("workers", record.workers)
            .member("threads", record.threads)
            .member("options", record.options)
            .end_object();
    json.end_array();
}

} // namespace userblk::ctl
