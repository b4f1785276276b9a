// SPDX-License-Identifier: MIT
#include "userblk/ctl/format/table_options.hpp"

#include "userblk/ctl/command.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/terminal.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>

namespace userblk::ctl {

namespace {

std::string upper_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

std::size_t find_column(const std::vector<std::string>& names, const std::string& name) {
    const auto found = std::find(names.begin(), names.end(), upper_case(name));
    if (found == names.end())
        throw UsageError("--output: invalid column \"" + name + "\"; expected " +
                         column_list(names));
    return static_cast<std::size_t>(found - names.begin());
}

} // namespace

std::string column_list(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names)
        text += (text.empty() ? "" : ", ") + name;
    return text;
}

void TableOptions::declare(CommandLine& line, const std::string& json_help) {
    line.flag("-n,--noheadings", no_headings_, "Omit the headings");
    line.flag("-b,--bytes", bytes_, "Print sizes in bytes");
    line.text("-o,--output", columns_, "COLUMNS",
              "Print these columns, separated by commas; +COLUMNS adds them to the default "
              "ones");
    line.flag("-r,--raw", raw_, "Print a blank between columns, and blanks within them as \\x20");
    line.flag("-P,--pairs", pairs_, "Print NAME=\"value\"");
    line.flag("-J,--json", json_, json_help);
}

void TableOptions::check() const {
    if (static_cast<int>(json_) + static_cast<int>(raw_) + static_cast<int>(pairs_) > 1)
        throw UsageError("--json, --raw and --pairs exclude each other");
}

std::vector<std::size_t> TableOptions::choice(const std::vector<std::string>& names,
                                              const std::string& defaults) const {
    const bool more = columns_.starts_with('+');
    const auto asked = more ? defaults + "," + columns_.substr(1) : chooses() ? columns_ : defaults;
    std::vector<std::size_t> columns;
    std::istringstream list(asked + (asked.ends_with(',') ? "," : "")); // an empty name is refused
    for (std::string name; std::getline(list, name, ',');) {
        const auto column = find_column(names, name);
        if (std::find(columns.begin(), columns.end(), column) == columns.end())
            columns.push_back(column);
    }
    return columns;
}

TableLayout TableOptions::layout(bool drop_columns) const {
    const auto form = raw_     ? TableLayout::Form::raw
                      : pairs_ ? TableLayout::Form::pairs
                               : TableLayout::Form::aligned;
    return {form, !no_headings_, Terminal::output_columns(), drop_columns && !chooses()};
}

} // namespace userblk::ctl
