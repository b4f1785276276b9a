// SPDX-License-Identifier: MIT
#include "userblk/ctl/format/table_text.hpp"

#include "userblk/text/printable.hpp"

#include <algorithm>
#include <cstdlib>
#include <libsmartcols/libsmartcols.h>
#include <memory>
#include <sstream>
#include <system_error>

namespace userblk::ctl {

namespace {

using cli::Table;
using Form = TableLayout::Form;

struct Unref {
    void operator()(libscols_table* table) const noexcept { ::scols_unref_table(table); }
};
using Handle = std::unique_ptr<libscols_table, Unref>;

// Result codes of libsmartcols: 0, or a negative errno.
void check(int result) {
    if (result < 0)
        throw std::system_error(-result, std::generic_category(), "unable to format a table");
}

template <typename T>
T* not_null(T* made) {
    if (made == nullptr)
        throw std::bad_alloc();
    return made;
}

int flags_of(Table::Align align) {
    return align == Table::Align::right ? SCOLS_FL_RIGHT
           : align == Table::Align::cut ? SCOLS_FL_TRUNC
                                        : 0;
}

// A hidden heading would still widen its column.
std::string heading_of(const Table::Column& column, const TableLayout& layout) {
    return layout.headings || layout.form == Form::pairs ? column.heading : "";
}

Handle empty_table(const TableLayout& layout) {
    Handle table(not_null(::scols_new_table()));
    check(::scols_table_enable_raw(table.get(), layout.form == Form::raw ? 1 : 0));
    check(::scols_table_enable_export(table.get(), layout.form == Form::pairs ? 1 : 0));
    check(::scols_table_enable_shellvar(table.get(), layout.form == Form::pairs ? 1 : 0));
    check(::scols_table_enable_noheadings(table.get(), layout.headings ? 0 : 1));
    check(::scols_table_set_termforce(table.get(), layout.width > 0 ? SCOLS_TERMFORCE_ALWAYS
                                                                    : SCOLS_TERMFORCE_NEVER));
    check(::scols_table_set_termwidth(table.get(), layout.width));
    return table;
}

// The first columns of a table, as libsmartcols prints them.
std::string printed(const Table& table, std::size_t columns, const TableLayout& layout) {
    const auto handle = empty_table(layout);
    for (std::size_t i = 0; i < columns; ++i)
        not_null(::scols_table_new_column(handle.get(),
                                          heading_of(table.columns[i], layout).c_str(), 0,
                                          flags_of(table.columns[i].align)));
    for (const auto& row : table.rows) {
        auto* const line = not_null(::scols_table_new_line(handle.get(), nullptr));
        for (std::size_t i = 0; i < columns; ++i)
            check(::scols_line_set_data(line, i, row[i].c_str()));
    }
    char* text = nullptr;
    const int result = ::scols_print_table_to_string(handle.get(), &text);
    const std::unique_ptr<char, decltype(&std::free)> owned(text, &std::free);
    check(result);
    return text != nullptr ? text : "";
}

// libsmartcols prints nothing without rows.
std::string headings_of(const Table& table, std::size_t columns) {
    std::string text;
    for (std::size_t i = 0; i < columns; ++i)
        text += (i == 0 ? "" : " ") + table.columns[i].heading;
    return text;
}

// Removes trailing blanks, of empty cells or padding: they are invisible and disturb copied lines.
// libsmartcols treats direction marks as letters; printable() escapes them.
std::string finished(const std::string& text, Form form) {
    std::istringstream lines(text);
    std::string result;
    for (std::string line; std::getline(lines, line);) {
        if (form == Form::aligned)
            line.erase(line.find_last_not_of(' ') + 1);
        result += printable(line) + '\n';
    }
    return result;
}

std::string text_of(const Table& table, std::size_t columns, const TableLayout& layout) {
    const bool headings = layout.headings && layout.form != Form::pairs;
    if (!table.rows.empty()) {
        auto text = finished(printed(table, columns, layout), layout.form);
        // One line per row: libsmartcols omits a blank last one.
        const auto lines = std::count(text.begin(), text.end(), '\n');
        const auto wanted = static_cast<std::ptrdiff_t>(table.rows.size() + (headings ? 1 : 0));
        if (lines < wanted)
            text.append(static_cast<std::size_t>(wanted - lines), '\n');
        return text;
    }
    return headings ? headings_of(table, columns) + '\n' : "";
}

std::size_t width_of(const std::string& text) {
    std::istringstream lines(text);
    std::size_t width = 0;
    for (std::string line; std::getline(lines, line);)
        width = std::max(width, columns_of(line));
    return width;
}

} // namespace

std::string table_text(const Table& table, const TableLayout& layout) {
    auto columns = table.columns.size();
    auto text = text_of(table, columns, layout);
    const bool drop = layout.drop_columns && layout.width > 0 && layout.form == Form::aligned;
    while (drop && columns > 1 && width_of(text) > layout.width)
        text = text_of(table, --columns, layout);
    return text;
}

} // namespace userblk::ctl
