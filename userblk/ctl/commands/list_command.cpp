// SPDX-License-Identifier: MIT
#include "userblk/ctl/commands/list_command.hpp"

#include "ioctl/lookup.hpp"
#include "ioctl/nodes.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/format/list_columns.hpp"

#include <iostream>

namespace userblk::ctl {

namespace {

constexpr const char* default_columns =
    "DEVICE,NAME,SIZE,RO,STATE,SERVERS,UNSERVED,QUEUED,ORPHANED,STORE";

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
            // Removed meanwhile.
        }
    }
    return rows;
}

// Users of this list are going to use the path.
void warn_of_wrong_nodes(const std::vector<ListRow>& rows) {
    for (const auto& row : rows)
        if (const auto fault = abi::block_node_fault(row.number); fault && !fault->missing)
            cli::complain(program_name, "warning: " + fault->what + "; " + fault->mend);
}

} // namespace

std::string ListCommand::details() const {
    return "Columns: " + column_list(names_of(list_columns())) + ".";
}

void ListCommand::declare(CommandLine& line) {
    line.arguments("DEV", devices_, std::string(dev_help) + "; default: all");
    table_.declare(line, "Print JSON; sizes in bytes, times in nanoseconds");
}

int ListCommand::run() {
    table_.check();
    const auto columns = chosen(list_columns(), table_, default_columns);
    const auto rows = rows_of(devices_);
    warn_of_wrong_nodes(rows);
    if (!table_.json()) {
        std::cout << table_text(table_of(columns, rows, table_), table_.layout(false));
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
