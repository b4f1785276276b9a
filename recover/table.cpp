// SPDX-License-Identifier: MIT
#include "recover/table.hpp"

#include <algorithm>
#include <ostream>

namespace userblk::recovery {

void Table::add(std::vector<std::string> cells) {
    cells.resize(columns_.size());
    for (auto& cell : cells)
        if (cell.empty())
            cell.assign(1, '-');
    rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths(bool headings) const {
    std::vector<std::size_t> widths(columns_.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        widths[i] = headings ? columns_[i].heading.size() : 0;
        for (const auto& row : rows_)
            widths[i] = std::max(widths[i], row[i].size());
    }
    return widths;
}

void Table::print_line(std::ostream& out, const std::vector<std::string>& cells,
                       const std::vector<std::size_t>& widths, const std::string& indent) const {
    std::string line = indent;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const std::string padding(widths[i] - cells[i].size(), ' ');
        line += i == 0 ? "" : "  ";
        line += columns_[i].align == Align::right ? padding + cells[i] : cells[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
}

void Table::print(std::ostream& out, bool headings, const std::string& indent) const {
    const auto columns = widths(headings);
    if (headings) {
        std::vector<std::string> cells;
        for (const auto& column : columns_)
            cells.push_back(column.heading);
        print_line(out, cells, columns, indent);
    }
    for (const auto& row : rows_)
        print_line(out, row, columns, indent);
}

} // namespace userblk::recovery
