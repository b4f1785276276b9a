// SPDX-License-Identifier: MIT
#include "userblk/ctl/service.hpp"

#include "userblk/ctl/device_facts.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <ctime>

namespace userblk::ctl {

namespace {

// Local time, as people have it on their clocks.
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
        return "new: nobody has served it yet";
    if (!servers)
        return "served";
    if (*servers > 0)
        return "served by " + std::to_string(*servers) +
               (*servers == 1 ? " process" : " processes");
    const auto since = std::chrono::system_clock::now() -
                       std::chrono::duration_cast<std::chrono::system_clock::duration>(unserved);
    return "unserved for " + format_duration(unserved) + ", since " + clock_text(since);
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
    std::string text;
    for (const auto& store : stores_of(records))
        text += (text.empty() ? "" : ", ") + store;
    return text;
}

Poco::JSON::Array stores_json(const std::vector<SupervisorRecord>& records) {
    Poco::JSON::Array list;
    for (const auto& store : stores_of(records))
        list.add(json_text(store));
    return list;
}

std::string options_text(const SupervisorRecord& record) {
    std::string text;
    if (record.workers > 0)
        text = counted(record.workers, "worker") + " of " + counted(record.threads, "thread");
    for (const auto& option : record.options)
        text += (text.empty() ? "" : ", ") + option;
    return text;
}

Poco::JSON::Array serving_json(const std::vector<SupervisorRecord>& records) {
    Poco::JSON::Array list;
    for (const auto& record : records) {
        auto entry = json_object();
        entry->set("supervisor", record.pid);
        entry->set("store", json_text(record.store));
        entry->set("workers", record.workers);
        entry->set("threads", record.threads);
        Poco::JSON::Array options;
        for (const auto& option : record.options)
            options.add(json_text(option));
        entry->set("options", options);
        list.add(entry);
    }
    return list;
}

} // namespace userblk::ctl
