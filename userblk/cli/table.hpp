// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

namespace userblk::cli {

/// Text in aligned columns, as ls and lsblk print it.
class Table {
public:
    enum class Align { left, right };
    struct Column {
        std::string heading;
        Align align = Align::left;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    /// Adds a row; @p cells has one text for each column. An empty one is
    /// printed as "-", so that every line has the same number of words; what would
    /// act on a terminal is escaped.
    void add(std::vector<std::string> cells);
    bool empty() const noexcept { return rows_.empty(); }

    /// From now on only so many columns of a terminal are used: what does not fit is
    /// left out, from the right. 0: all are printed.
    void fit(std::size_t width) noexcept { width_ = width; }

    /// Prints the rows, each line after @p indent, under a line of headings
    /// unless @p headings is false.
    void print(std::ostream& out, bool headings = true, const std::string& indent = "") const;

private:
    std::vector<std::size_t> widths(bool headings, std::size_t indent) const;
    std::vector<std::size_t> fitting(std::vector<std::size_t> widths, std::size_t indent) const;
    void print_line(std::ostream& out, const std::vector<std::string>& cells,
                    const std::vector<std::size_t>& widths, const std::string& indent) const;

    std::vector<Column> columns_;
    std::size_t width_ = 0;
    std::vector<std::vector<std::string>> rows_;
};

} // namespace userblk::cli
