// SPDX-License-Identifier: MIT
#include "userblk/ctl/list_command.hpp"

#include "ioctl/lookup.hpp"
#include "ioctl/nodes.hpp"
#include "recover/table.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/device_facts.hpp"
#include "userblk/ctl/service.hpp"
#include "userblk/supervisor_file.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <cctype>
#include <iostream>
#include <sstream>

namespace userblk::ctl {

namespace {

using recovery::Table;

struct Row {
    std::uint32_t number;
    abi::Attributes facts;
};

// A column: its heading (in lower case the key in JSON), its value for JSON, and
// its text for people.
struct Column {
    const char* heading;
    Table::Align align;
    Poco::Dynamic::Var (*value)(const Row&);
    std::string (*text)(const Row&, bool bytes);
};

using Var = Poco::Dynamic::Var;

template <auto Member>
Var count_of(const Row& row) {
    return Poco::UInt64(row.facts.*Member);
}
template <auto Member>
std::string count_text(const Row& row, bool) {
    return std::to_string(row.facts.*Member);
}
template <auto Member>
Var string_of(const Row& row) {
    return json_text(row.facts.*Member);
}
template <auto Member>
std::string string_text(const Row& row, bool) {
    return row.facts.*Member;
}
template <auto Member>
Var time_of(const Row& row) {
    return Poco::Int64((row.facts.*Member).count());
}
template <auto Member>
std::string time_text(const Row& row, bool) {
    return (row.facts.*Member).count() == 0 ? "" : format_duration(row.facts.*Member);
}

std::string pids_text(const Row& row, bool) {
    std::string text;
    for (const auto& one : announcements_of(row.number))
        text += (text.empty() ? "" : ",") + (one.pid > 0 ? std::to_string(one.pid) : "hidden");
    return text;
}

Var pids_of(const Row& row) {
    Poco::JSON::Array pids;
    for (const auto& one : announcements_of(row.number))
        pids.add(one.pid);
    return pids;
}

Service service_of(const Row& row) {
    return {row.facts.state != "new", row.facts.servers, row.facts.unserved};
}

std::vector<SupervisorRecord> records_of(const Row& row) {
    return serving_records(row.number, row.facts.diskseq);
}

Var servers_of(const Row& row) {
    return row.facts.servers ? Var(*row.facts.servers) : Var();
}

std::string servers_text(const Row& row, bool) {
    return row.facts.servers ? std::to_string(*row.facts.servers) : "";
}

std::string all_options_text(const Row& row, bool) {
    std::string text;
    for (const auto& record : records_of(row))
        text += (text.empty() ? "" : "; ") + options_text(record);
    return text;
}

template <auto Member>
constexpr Column counted(const char* heading) {
    return {heading, Table::Align::right, count_of<Member>, count_text<Member>};
}

const std::vector<Column>& all_columns() {
    using A = abi::Attributes;
    static const std::vector<Column> columns = {
        {"DEVICE", Table::Align::left,
         [](const Row& row) { return Var(abi::disk_name(row.number)); },
         [](const Row& row, bool) { return abi::disk_name(row.number); }},
        {"NAME", Table::Align::left, string_of<&A::name>, string_text<&A::name>},
        {"SIZE", Table::Align::right, count_of<&A::size>,
         [](const Row& row, bool bytes) {
             return bytes ? std::to_string(row.facts.size) : format_size(row.facts.size);
         }},
        {"RO", Table::Align::right, [](const Row& row) { return Var(row.facts.read_only); },
         [](const Row& row, bool) { return std::string(row.facts.read_only ? "1" : "0"); }},
        {"STATE", Table::Align::left, [](const Row& row) { return Var(service_of(row).state()); },
         [](const Row& row, bool) { return service_of(row).state(); }},
        {"SERVERS", Table::Align::right, servers_of, servers_text},
        {"UNSERVED", Table::Align::right, time_of<&A::unserved>, time_text<&A::unserved>},
        counted<&A::queued>("QUEUED"),
        counted<&A::taken>("TAKEN"),
        counted<&A::orphaned>("ORPHANED"),
        {"WAITING", Table::Align::right, time_of<&A::oldest_queued>, time_text<&A::oldest_queued>},
        {"HELD", Table::Align::right, time_of<&A::oldest_taken>, time_text<&A::oldest_taken>},
        counted<&A::completed>("COMPLETED"),
        counted<&A::errors>("ERRORS"),
        counted<&A::resets>("RESETS"),
        counted<&A::stale>("STALE"),
        {"SUPERVISORS", Table::Align::left, pids_of, pids_text},
        {"STORE", Table::Align::left,
         [](const Row& row) { return Var(stores_json(records_of(row))); },
         [](const Row& row, bool) { return stores_text(records_of(row)); }},
        {"OPTIONS", Table::Align::left,
         [](const Row& row) { return Var(serving_json(records_of(row))); }, all_options_text},
        counted<&A::diskseq>("DISKSEQ"),
        {"PATH", Table::Align::left,
         [](const Row& row) { return Var(abi::block_path(row.number)); },
         [](const Row& row, bool) { return abi::block_path(row.number); }},
        {"CONTROL", Table::Align::left,
         [](const Row& row) { return Var(abi::control_path(row.number)); },
         [](const Row& row, bool) { return abi::control_path(row.number); }},
    };
    return columns;
}

constexpr const char* default_columns =
    "DEVICE,NAME,SIZE,RO,STATE,SERVERS,UNSERVED,QUEUED,ORPHANED,STORE";

std::string changed(std::string text, int (*change)(int)) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [change](unsigned char c) { return static_cast<char>(change(c)); });
    return text;
}

std::string column_names() {
    std::string names;
    for (const auto& column : all_columns())
        names += (names.empty() ? "" : ", ") + std::string(column.heading);
    return names;
}

std::vector<Column> chosen_columns(const std::string& names) {
    std::vector<Column> columns;
    std::istringstream list(changed(names, std::toupper));
    for (std::string name; std::getline(list, name, ',');) {
        const auto found =
            std::find_if(all_columns().begin(), all_columns().end(),
                         [&](const Column& column) { return column.heading == name; });
        if (found == all_columns().end())
            throw UsageError("--output: there is no column \"" + name + "\"; there are " +
                             column_names());
        columns.push_back(*found);
    }
    return columns;
}

std::vector<Row> rows_of(const std::vector<std::string>& devices) {
    std::vector<Row> rows;
    for (const auto& device : devices) {
        const auto number = abi::find_device(device);
        rows.push_back({number, abi::read_attributes(number)});
    }
    if (!devices.empty())
        return rows;
    for (const auto number : abi::device_numbers()) {
        try {
            rows.push_back({number, abi::read_attributes(number)});
        } catch (const abi::NoSuchDevice&) {
            // It was removed meanwhile.
        }
    }
    return rows;
}

void print_table(const std::vector<Column>& columns, const std::vector<Row>& rows, bool headings,
                 bool bytes) {
    std::vector<Table::Column> table_columns;
    for (const auto& column : columns)
        table_columns.push_back({column.heading, column.align});
    Table table(std::move(table_columns));
    for (const auto& row : rows) {
        std::vector<std::string> cells;
        for (const auto& column : columns)
            cells.push_back(column.text(row, bytes));
        table.add(std::move(cells));
    }
    table.print(std::cout, headings);
}

// Who reads a path here is going to use it.
void warn_of_wrong_nodes(const std::vector<Row>& rows) {
    for (const auto& row : rows)
        if (const auto fault = abi::block_node_fault(row.number); fault && !fault->missing)
            recovery::complain(program_name, "warning: " + fault->what + "; " + fault->mend);
}

// The key of a time tells its unit; a list has another name than one value.
std::string json_key(const Column& column) {
    const std::string key = changed(column.heading, std::tolower);
    if (key == "waiting" || key == "held" || key == "unserved")
        return key + "_ms";
    return key == "store" ? "stores" : key == "options" ? "serving" : key;
}

} // namespace

std::string ListCommand::details() const {
    return "Columns: " + column_names() + ".";
}

void ListCommand::declare(CommandLine& line) {
    line.arguments("DEV", devices_, std::string(dev_help) + "; none: all");
    line.flag("-n,--no-headings", no_headings_, "Print no line of headings");
    line.flag("-b,--bytes", bytes_, "Print sizes in bytes");
    line.text("-o,--output", columns_, "COLUMNS", "Print these columns, with commas between them");
    line.flag("--json", json_, "Print JSON; sizes in bytes, times in milliseconds");
}

int ListCommand::run() {
    // JSON holds everything unless something was chosen.
    const bool everything = json_ && columns_.empty();
    const auto columns =
        everything ? all_columns() : chosen_columns(columns_.empty() ? default_columns : columns_);
    const auto rows = rows_of(devices_);
    warn_of_wrong_nodes(rows);
    if (!json_) {
        print_table(columns, rows, !no_headings_, bytes_);
        return exit_success;
    }
    Poco::JSON::Array list;
    for (const auto& row : rows) {
        auto entry = json_object();
        for (const auto& column : columns)
            entry->set(json_key(column), column.value(row));
        list.add(entry);
    }
    print_json(std::cout, list);
    return exit_success;
}

} // namespace userblk::ctl
