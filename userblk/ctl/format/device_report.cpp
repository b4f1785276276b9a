// SPDX-License-Identifier: MIT
#include "userblk/ctl/format/device_report.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/cli/json.hpp"
#include "userblk/ctl/format/device_facts.hpp"
#include "userblk/ctl/format/service_state.hpp"
#include "userblk/ctl/format/table_text.hpp"
#include "userblk/text/printable.hpp"
#include "userblk/units.hpp"

#include <iomanip>
#include <ostream>

namespace userblk::ctl {

namespace {

// 0, which no disk has, if unknown.
std::uint64_t diskseq_of(std::uint32_t number) {
    try {
        return abi::read_attributes(number).diskseq;
    } catch (const abi::NoSuchDevice&) {
        return 0; // without /sys
    }
}

Service service_of(const userblk_info& device) {
    Service service;
    service.ever = device.state != USERBLK_STATE_NEW;
    if ((device.features & USERBLK_FEATURE_SERVERS) != 0)
        service.servers = device.servers;
    service.unserved = std::chrono::nanoseconds(device.unserved_ns);
    return service;
}

void print_line(std::ostream& out, const std::string& heading, const std::string& value) {
    out << std::left << std::setw(21) << heading + ":" << printable(value) << '\n';
}

std::string waiting_text(std::uint64_t count, std::uint64_t oldest_ns) {
    if (count == 0)
        return "0";
    return std::to_string(count) + ", the oldest for " +
           format_duration(std::chrono::nanoseconds(oldest_ns));
}

std::string announced_text(const std::vector<Announcement>& supervisors) {
    std::string text;
    for (const auto& one : supervisors)
        text += (text.empty() ? "" : ", ") +
                (one.pid > 0 ? std::to_string(one.pid) : "one in a hidden PID namespace");
    return text.empty() ? "none" : text;
}

// "12 userblk-w0, 13 userblk-w0 (left behind by its supervisor)"
std::string processes_text(const std::vector<inspect::NodeUser>& users) {
    std::string text;
    for (const auto& user : users)
        text += (text.empty() ? "" : ", ") + std::to_string(user.pid) + " " + user.program +
                (user.left_behind ? " (left behind by its supervisor)" : "");
    return text.empty() ? "none visible from here" : text;
}

} // namespace

DeviceReport report_of(const abi::ControlNode& node) {
    auto info = node.info();
    if (info.device.taken > 0)
        info = node.info(USERBLK_MAX_SLOTS);
    return {info.device, inspect::holdings_of(info.taken), announcements_of(node.number()),
            serving_records(node.number(), diskseq_of(node.number())),
            inspect::node_users(node.number())};
}

void print(std::ostream& out, const DeviceReport& report) {
    const auto& device = report.device;
    out << abi::block_path(device.config.number) << '\n';
    for (const auto& [heading, value] : config_lines(device.config))
        print_line(out, heading, value);
    print_line(out, "State", service_of(device).text());
    print_line(out, "Open", format_count(device.openers, "time"));
    const auto stores = stores_text(report.records);
    print_line(out, "Store", stores.empty() ? "unknown: no supervisor reports it" : stores);
    print_line(out, "Supervisors", announced_text(report.supervisors));
    print_line(out, "Control node open", processes_text(report.users));
    for (const auto& record : report.records)
        if (const auto options = options_text(record); !options.empty())
            print_line(out, "Served with", options);
    for (const auto& record : report.records)
        if (const auto error = error_text(record); !error.empty())
            print_line(out, "Error", error);
    print_line(out, "Queued", waiting_text(device.queued, device.oldest_queued_ns));
    print_line(out, "Taken", waiting_text(device.taken, device.oldest_taken_ns));
    if (device.orphaned > 0)
        print_line(out, "Orphaned",
                   std::to_string(device.orphaned) +
                       " held by dead processes; userblkctl reset puts them back");
    else
        print_line(out, "Orphaned", "0");
    if (device.redirected > 0)
        print_line(out, "Redirected",
                   std::to_string(device.redirected) +
                       " carried out by the kernel; removal waits for them");
    if (!report.holdings.empty()) {
        out << '\n';
        out << table_text(inspect::table_of(report.holdings));
    }
}

void write(cli::JsonWriter& json, const DeviceReport& report) {
    const auto& device = report.device;
    const auto service = service_of(device);
    json.begin_object();
    write(json, device.config);
    json.member("state", service.state())
        .member("servers", service.servers)
        .member("unserved_ns", device.unserved_ns)
        .member("openers", device.openers)
        .member("stores", stores_of(report.records))
        .member("supervisors", pids_of(report.supervisors));
    write(json.key("serving"), report.records);
    json.member("queued", device.queued)
        .member("taken", device.taken)
        .member("orphaned", device.orphaned)
        .member("redirected", device.redirected)
        .member("oldest_queued_ns", device.oldest_queued_ns)
        .member("oldest_taken_ns", device.oldest_taken_ns);
    inspect::write(json.key("requests"), report.holdings);
    json.end_object();
}

} // namespace userblk::ctl
