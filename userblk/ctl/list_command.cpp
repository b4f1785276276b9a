// SPDX-License-Identifier: MIT
#include "userblk/ctl/list_command.hpp"

#include "ioctl/lookup.hpp"
#include "ioctl/nodes.hpp"
#include "userblk/cli/json.hpp"
#include "userblk/cli/table.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/list_columns.hpp"

#include <algorithm>
#include <cctype>
#include <iostream>
#include <sstream>

namespace userblk::ctl {

namespace {

constexpr const char* default_columns =
    "DEVICE,NAME,SIZE,RO,STATE,SERVERS,UNSERVED,QUEUED,ORPHANED,STORE";

std::string changed(std::string text, int (*change)(int)) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [change](unsigned char c) { return static_cast<char>(change(c)); });
    return text;
}

std::string column_names() {
    std::string names;
    for (const auto& column : list_columns())
        names += (names.empty() ? "" : ", ") + std::string(column.heading);
    return names;
}

std::vector<ListColumn> chosen_columns(const std::string& names) {
    std::vector<ListColumn> columns;
    std::istringstream list(changed(names, std::toupper));
    for (std::string name; std::getline(list, name, ',');) {
        const auto found =
            std::find_if(list_columns().begin(), list_columns().end(),
                         [&](const ListColumn& column) { return column.heading == name; });
        if (found == list_columns().end())
            throw UsageError("--output: there is no column \"" + name + "\"; there are " +
                             column_names());
        columns.push_back(*found);
    }
    return columns;
}

std::vector<ListRow> rows_of(const std::vector<std::string>& devices) {
    std::vector<ListRow> rows;
    for (const auto& device : devices) {
        rows.push_back(list_row(abi::find_device(device)));
    }
    if (!devices.empty())
        return rows;
    for (const auto number : abi::device_numbers()) {
        try {
            rows.push_back(list_row(number));
        } catch (const abi::NoSuchDevice&) {
            // It was removed meanwhile.
        }
    }
    return rows;
}

void print_table(const std::vector<ListColumn>& columns, const std::vector<ListRow>& rows,
                 bool headings, bool bytes) {
    std::vector<cli::Table::Column> table_columns;
    for (const auto& column : columns)
        table_columns.push_back({column.heading, column.align});
    cli::Table table(std::move(table_columns));
    for (const auto& row : rows) {
        std::vector<std::string> cells;
        for (const auto& column : columns)
            cells.push_back(column.text(row, bytes));
        table.add(std::move(cells));
    }
    table.print(std::cout, headings);
}

// Who reads a path here is going to use it.
void warn_of_wrong_nodes(const std::vector<ListRow>& rows) {
    for (const auto& row : rows)
        if (const auto fault = abi::block_node_fault(row.number); fault && !fault->missing)
            cli::complain(program_name, "warning: " + fault->what + "; " + fault->mend);
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
    line.flag("--json", json_, "Print JSON; sizes in bytes, times in nanoseconds");
}

int ListCommand::run() {
    // JSON holds everything unless something was chosen.
    const bool everything = json_ && columns_.empty();
    const auto columns =
        everything ? list_columns() : chosen_columns(columns_.empty() ? default_columns : columns_);
    const auto rows = rows_of(devices_);
    warn_of_wrong_nodes(rows);
    if (!json_) {
        print_table(columns, rows, !no_headings_, bytes_);
        return exit_success;
    }
    cli::JsonWriter json(cli::JsonWriter::Layout::indented);
    json.begin_array();
    for (const auto& row : rows)
        write(json, columns, row);
    std::cout << json.end_array().text() << std::endl;
    return exit_success;
}

} // namespace userblk::ctl
