// SPDX-License-Identifier: MIT
#include "userblk/ctl/info_command.hpp"

#include "ioctl/lookup.hpp"
#include "recover/survey.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/device_facts.hpp"
#include "userblk/ctl/service.hpp"
#include "userblk/printable.hpp"
#include "userblk/supervisor_file.hpp"
#include "userblk/units.hpp"

#include <iomanip>
#include <iostream>

namespace userblk::ctl {

namespace {

struct Facts {
    userblk_info device;
    std::vector<recovery::Holding> holdings;
    std::vector<Announcement> supervisors;
    std::vector<SupervisorRecord> records;
};

// 0, which no disk has, if it cannot be known.
std::uint64_t diskseq_of(std::uint32_t number) {
    try {
        return abi::read_attributes(number).diskseq;
    } catch (const abi::NoSuchDevice&) {
        return 0; // without /sys
    }
}

Facts facts_of(const abi::ControlNode& node) {
    auto info = node.info();
    if (info.device.taken > 0)
        info = node.info(USERBLK_MAX_SLOTS);
    return {info.device, recovery::holdings_of(info.taken), announcements_of(node.number()),
            serving_records(node.number(), diskseq_of(node.number()))};
}

Service service_of(const userblk_info& device) {
    Service service;
    service.ever = device.state != USERBLK_STATE_NEW;
    if ((device.features & USERBLK_FEATURE_SERVERS) != 0)
        service.servers = device.servers;
    service.unserved = std::chrono::nanoseconds(device.unserved_ns);
    return service;
}

void print_line(const std::string& heading, const std::string& value) {
    std::cout << std::left << std::setw(21) << heading + ":" << printable(value) << '\n';
}

std::string waiting_text(std::uint64_t count, std::uint64_t oldest_ns) {
    if (count == 0)
        return "0";
    return std::to_string(count) + ", the oldest for " +
           format_duration(std::chrono::nanoseconds(oldest_ns));
}

std::string supervisors_text(const std::vector<Announcement>& supervisors) {
    std::string text;
    for (const auto& one : supervisors)
        text += (text.empty() ? "" : ", ") +
                (one.pid > 0 ? std::to_string(one.pid) : "one in a hidden PID namespace");
    return text.empty() ? "none" : text;
}

void print(const Facts& facts) {
    const auto& device = facts.device;
    std::cout << abi::block_path(device.config.number) << '\n';
    for (const auto& [heading, value] : config_lines(device.config))
        print_line(heading, value);
    print_line("State", service_of(device).text());
    print_line("Open", counted(device.openers, "time"));
    const auto stores = stores_text(facts.records);
    print_line("Store", stores.empty() ? "unknown: no supervisor names it" : stores);
    print_line("Supervisors", supervisors_text(facts.supervisors));
    for (const auto& record : facts.records)
        if (const auto options = options_text(record); !options.empty())
            print_line("Served with", options);
    print_line("Queued", waiting_text(device.queued, device.oldest_queued_ns));
    print_line("Taken", waiting_text(device.taken, device.oldest_taken_ns));
    if (device.orphaned > 0)
        print_line("Orphaned", std::to_string(device.orphaned) +
                                   " held by the dead; userblkctl reset puts that back");
    else
        print_line("Orphaned", "0");
    if (device.redirected > 0)
        print_line("Redirected", std::to_string(device.redirected) +
                                     " carried out by the kernel; a removal waits for that");
    if (!facts.holdings.empty()) {
        std::cout << '\n';
        recovery::print(std::cout, facts.holdings, "");
    }
}

Poco::JSON::Array holdings_json(const std::vector<recovery::Holding>& holdings) {
    Poco::JSON::Array list;
    for (const auto& holding : holdings) {
        auto entry = json_object();
        entry->set("id", recovery::id_text(holding.id));
        entry->set("op", holding.op);
        entry->set("offset", Poco::UInt64(holding.offset));
        entry->set("length", holding.length);
        entry->set("held_ns", Poco::Int64(holding.held.count()));
        entry->set("deliveries", holding.deliveries);
        entry->set("pid", holding.pid);
        entry->set("alive", holding.alive);
        entry->set("program", json_text(holding.program));
        list.add(entry);
    }
    return list;
}

void print_as_json(const Facts& facts) {
    const auto& device = facts.device;
    auto json = config_json(device.config);
    const auto service = service_of(device);
    json->set("state", service.state());
    json->set("servers",
              service.servers ? Poco::Dynamic::Var(*service.servers) : Poco::Dynamic::Var());
    json->set("unserved_ns", Poco::UInt64(device.unserved_ns));
    json->set("stores", stores_json(facts.records));
    json->set("serving", serving_json(facts.records));
    json->set("openers", device.openers);
    Poco::JSON::Array supervisors;
    for (const auto& one : facts.supervisors)
        supervisors.add(one.pid);
    json->set("supervisors", supervisors);
    json->set("queued", Poco::UInt64(device.queued));
    json->set("taken", Poco::UInt64(device.taken));
    json->set("orphaned", Poco::UInt64(device.orphaned));
    json->set("redirected", Poco::UInt64(device.redirected));
    json->set("oldest_queued_ns", Poco::UInt64(device.oldest_queued_ns));
    json->set("oldest_taken_ns", Poco::UInt64(device.oldest_taken_ns));
    json->set("requests", holdings_json(facts.holdings));
    print_json(std::cout, json);
}

} // namespace

void InfoCommand::declare(CommandLine& line) {
    line.argument("DEV", device_, dev_help);
    line.flag("--json", json_, "Print JSON; sizes in bytes, times in nanoseconds");
}

int InfoCommand::run() {
    const auto facts = facts_of(recovery::open_node(abi::find_device(device_)));
    if (json_)
        print_as_json(facts);
    else
        print(facts);
    return exit_success;
}

} // namespace userblk::ctl
