// SPDX-License-Identifier: MIT
#include "userblk/cli/table.hpp"

#include "userblk/text/printable.hpp"

#include <algorithm>
#include <ostream>

namespace userblk::cli {

namespace {

using Lines = std::vector<std::vector<std::string>>;

// All rows, with the headings first.
Lines lines_of(const Table& table) {
    Lines lines(1);
    for (const auto& column : table.columns)
        lines[0].push_back(column.heading);
    for (const auto& row : table.rows) {
        auto& line = lines.emplace_back();
        for (const auto& cell : row)
            line.push_back(printable(cell));
        line.resize(table.columns.size());
    }
    return lines;
}

std::vector<std::size_t> widths_of(const Lines& lines) {
    std::vector<std::size_t> widths(lines[0].size());
    for (const auto& line : lines)
        for (std::size_t i = 0; i < widths.size(); ++i)
            widths[i] = std::max(widths[i], columns_of(line[i]));
    return widths;
}

} // namespace

void print(std::ostream& out, const Table& table, const std::string& indent) {
    const auto lines = lines_of(table);
    const auto widths = widths_of(lines);
    for (const auto& line : lines) {
        std::string text = indent;
        for (std::size_t i = 0; i < line.size(); ++i) {
            const std::string padding(widths[i] - columns_of(line[i]), ' ');
            text += i == 0 ? "" : " ";
            text += table.columns[i].align == Table::Align::right ? padding + line[i]
                                                                  : line[i] + padding;
        }
        text.erase(text.find_last_not_of(' ') + 1);
        out << text << '\n';
    }
}

} // namespace userblk::cli
