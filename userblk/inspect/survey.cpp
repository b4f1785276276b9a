// SPDX-License-Identifier: MIT
#include "userblk/inspect/survey.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/cli/explain.hpp"
#include "userblk/cli/json.hpp"
#include "userblk/cli/table.hpp"
#include "userblk/text/printable.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <ostream>
#include <stdexcept>
#include <sys/stat.h>

namespace userblk::inspect {

namespace {

// Room for requests taken between asking for the count and asking for the list.
constexpr std::size_t spare_room = 64;

// A statically linked program cannot look up names, so this prints numbers.
std::string permission_text(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) < 0)
        return "run this as root";
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", status.st_mode & 07777U);
    const auto name = [](unsigned id) { return id == 0 ? "root" : std::to_string(id); };
    return "its owner is " + name(status.st_uid) + ", its group " + name(status.st_gid) +
           ", its mode " + mode + "; run this as a user who may open it, or as root";
}

std::string program_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
    std::string name(std::istreambuf_iterator<char>(file), {}); // any content
    if (name.ends_with('\n'))
        name.pop_back();
    return name;
}

std::string holder_text(const Holding& holding) {
    std::string text = holding.pid == 0 ? "not visible from here" : std::to_string(holding.pid);
    if (!holding.program.empty())
        text += " " + holding.program;
    return text;
}

} // namespace

abi::ControlNode open_node(std::uint32_t number) {
    try {
        return abi::ControlNode(number);
    } catch (const std::system_error& error) {
        const auto path = abi::control_path(number);
        if (error.code() == std::errc::permission_denied ||
            error.code() == std::errc::operation_not_permitted)
            throw cli::Failure("no permission to open " + path + ": " + permission_text(path));
        if (error.code() == std::errc::no_such_file_or_directory ||
            error.code() == std::errc::no_such_device ||
            error.code() == std::errc::no_such_device_or_address)
            throw abi::NoSuchDevice("no such device: " + abi::disk_name(number));
        throw;
    }
}

std::string op_name(unsigned op) {
    constexpr std::array names = {"read", "write", "flush", "discard", "write-zeroes"};
    return op < names.size() ? names[op] : "op " + std::to_string(op);
}

std::string id_text(std::uint64_t id) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(id));
    return text;
}

std::uint64_t parse_id(const std::string& text) {
    const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    const char* const begin = text.data() + (hexadecimal ? 2 : 0);
    const char* const end = text.data() + text.size();
    std::uint64_t id = 0;
    const auto [rest, error] = std::from_chars(begin, end, id, hexadecimal ? 16 : 10);
    if (begin == end || rest != end || error != std::errc())
        throw std::invalid_argument("invalid request id \"" + text +
                                    "\"; expected an id as printed, such as 0x100000003");
    return id;
}

std::vector<Holding> holdings_of(const std::vector<userblk_taken>& taken) {
    std::vector<Holding> holdings;
    for (const auto& one : taken) {
        Holding holding;
        holding.id = one.id;
        holding.offset = one.offset;
        holding.length = one.length;
        holding.op = op_name(one.op);
        holding.held = std::chrono::nanoseconds(one.held_ns);
        holding.deliveries = one.deliveries;
        holding.pid = one.pid;
        holding.alive = (one.flags & USERBLK_TAKEN_ORPHAN) == 0;
        if (holding.alive && holding.pid != 0)
            holding.program = program_of(holding.pid);
        holdings.push_back(std::move(holding));
    }
    std::stable_sort(holdings.begin(), holdings.end(),
                     [](const Holding& a, const Holding& b) { return a.held > b.held; });
    return holdings;
}

Survey survey(const abi::ControlNode& node) {
    auto info = node.info();
    if (info.device.taken > 0)
        info = node.info(info.device.taken + spare_room);
    const auto& device = info.device;
    Survey result;
    result.number = node.number();
    result.name = device.config.name;
    result.queued = device.queued;
    result.taken = device.taken;
    result.orphaned = device.orphaned;
    result.oldest_queued = std::chrono::nanoseconds(device.oldest_queued_ns);
    result.oldest_taken = std::chrono::nanoseconds(device.oldest_taken_ns);
    result.holdings = holdings_of(info.taken);
    return result;
}

cli::Table table_of(const std::vector<Holding>& holdings) {
    using Align = cli::Table::Align;
    cli::Table table{{{"ID"},
                      {"OP"},
                      {"OFFSET", Align::right},
                      {"LENGTH", Align::right},
                      {"HELD", Align::right},
                      {"DELIVERY", Align::right},
                      {"TAKER"},
                      {"HOLDER"}},
                     {}};
    for (const auto& holding : holdings)
        table.rows.push_back({id_text(holding.id), holding.op, std::to_string(holding.offset),
                              format_size(holding.length), format_duration(holding.held),
                              std::to_string(holding.deliveries), holding.alive ? "alive" : "dead",
                              holder_text(holding)});
    return table;
}

void print(std::ostream& out, const Survey& survey) {
    out << abi::disk_name(survey.number);
    if (!survey.name.empty())
        out << " (" << printable(survey.name) << ")";
    out << ": ";
    if (survey.queued == 0 && survey.taken == 0) {
        out << "nothing is pending\n";
        return;
    }
    out << survey.queued << " queued";
    if (survey.queued > 0)
        out << " for up to " << format_duration(survey.oldest_queued);
    out << ", " << survey.taken << " taken";
    if (survey.orphaned > 0)
        out << ", " << survey.orphaned << " of them by dead processes";
    out << '\n';
    if (!survey.holdings.empty())
        cli::print(out, table_of(survey.holdings), "  ");
}

void write_identity(cli::JsonWriter& json, std::uint32_t number, std::string_view name) {
    json.member("device", abi::disk_name(number)).member("number", number).member("name", name);
}

void write(cli::JsonWriter& json, const std::vector<Holding>& holdings) {
    json.begin_array();
    for (const auto& holding : holdings)
        json.begin_object()
            .member("id", id_text(holding.id))
            .member("op", holding.op)
            .member("offset", holding.offset)
            .member("length", holding.length)
            .member("held_ns", holding.held)
            .member("deliveries", holding.deliveries)
            .member("pid", holding.pid)
            .member("alive", holding.alive)
            .member("program", holding.program)
            .end_object();
    json.end_array();
}

void write(cli::JsonWriter& json, const Survey& survey) {
    write_identity(json, survey.number, survey.name);
    json.member("queued", survey.queued)
        .member("taken", survey.taken)
        .member("orphaned", survey.orphaned)
        .member("oldest_queued_ns", survey.oldest_queued)
        .member("oldest_taken_ns", survey.oldest_taken);
    write(json.key("requests"), survey.holdings);
}

} // namespace userblk::inspect
