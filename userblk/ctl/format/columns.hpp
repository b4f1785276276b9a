// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/cli/json.hpp"
#include "userblk/cli/table.hpp"
#include "userblk/ctl/format/table_options.hpp"

#include <functional>
#include <string>
#include <vector>

namespace userblk::ctl {

/// A column of a table; in JSON, a member of an object.
template <typename Row>
struct Column {
    std::string name; ///< as --output takes it
    std::string key;  ///< in JSON
    cli::Table::Align align;
    std::function<void(cli::JsonWriter& json, const Row& row)> write; ///< the member's value
    std::function<std::string(const Row& row, bool bytes)> text;      ///< for people
    std::string unit{}; ///< follows the name in headings for people
};

template <typename Row>
std::vector<std::string> names_of(const std::vector<Column<Row>>& columns) {
    std::vector<std::string> names;
    for (const auto& column : columns)
        names.push_back(column.name);
    return names;
}

/// The selected columns. The default is @p defaults; in JSON, all.
/// @throws UsageError for an unknown column
template <typename Row>
std::vector<Column<Row>> chosen(const std::vector<Column<Row>>& all, const TableOptions& options,
                                const std::string& defaults) {
    if (options.json() && !options.chooses())
        return all;
    std::vector<Column<Row>> columns;
    for (const auto i : options.choice(names_of(all), defaults))
        columns.push_back(all[i]);
    return columns;
}

template <typename Row>
cli::Table table_of(const std::vector<Column<Row>>& columns, const std::vector<Row>& rows,
                    const TableOptions& options) {
    cli::Table table;
    for (const auto& column : columns)
        table.columns.push_back(
            {column.name + (options.is_for_people() ? column.unit : ""), column.align});
    for (const auto& row : rows) {
        auto& cells = table.rows.emplace_back();
        for (const auto& column : columns)
            cells.push_back(column.text(row, options.bytes()));
    }
    return table;
}

/// Writes a row as an object.
template <typename Row>
void write(cli::JsonWriter& json, const std::vector<Column<Row>>& columns, const Row& row) {
    json.begin_object();
    for (const auto& column : columns) {
        json.key(column.key);
        column.write(json, row);
    }
    json.end_object();
}

} // namespace userblk::ctl
