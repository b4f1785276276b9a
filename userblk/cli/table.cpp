// SPDX-License-Identifier: MIT
#include "userblk/cli/table.hpp"

#include "userblk/printable.hpp"

#include <algorithm>
#include <ostream>

namespace userblk::cli {

namespace {

constexpr std::string_view gap = "  "; // between columns

} // namespace

void Table::add(std::vector<std::string> cells) {
    cells.resize(columns_.size());
    for (auto& cell : cells)
        cell = cell.empty() ? "-" : printable(cell);
    rows_.push_back(std::move(cells));
}

// Without the last columns that there is no room for; the first one stays.
std::vector<std::size_t> Table::fitting(std::vector<std::size_t> widths, std::size_t indent) const {
    std::size_t used = indent, count = 0;
    while (count < widths.size() && (width_ == 0 || count == 0 || used + widths[count] <= width_))
        used += widths[count++] + gap.size();
    widths.resize(count);
    return widths;
}

std::vector<std::size_t> Table::widths(bool headings, std::size_t indent) const {
    std::vector<std::size_t> widths(columns_.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        widths[i] = headings ? columns_[i].heading.size() : 0;
        for (const auto& row : rows_)
            widths[i] = std::max(widths[i], columns_of(row[i]));
    }
    return fitting(std::move(widths), indent);
}

void Table::print_line(std::ostream& out, const std::vector<std::string>& cells,
                       const std::vector<std::size_t>& widths, const std::string& indent) const {
    std::string line = indent;
    for (std::size_t i = 0; i < widths.size(); ++i) {
        const std::string padding(widths[i] - columns_of(cells[i]), ' ');
        line += i == 0 ? "" : gap;
        line += columns_[i].align == Align::right ? padding + cells[i] : cells[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
}

void Table::print(std::ostream& out, bool headings, const std::string& indent) const {
    const auto columns = widths(headings, indent.size());
    if (headings) {
        std::vector<std::string> cells;
        for (const auto& column : columns_)
            cells.push_back(column.heading);
        print_line(out, cells, columns, indent);
    }
    for (const auto& row : rows_)
        print_line(out, row, columns, indent);
}

} // namespace userblk::cli
