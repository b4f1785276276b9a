// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/cli/table.hpp"

#include <cstddef>
#include <string>

namespace userblk::ctl {

/// How to print a table, by libsmartcols, like lsblk.
struct TableLayout {
    enum class Form {
        aligned,
        raw,  ///< a blank between cells, those within them as "\x20"
        pairs ///< NAME="value", for a shell
    };

    Form form = Form::aligned;
    bool headings = true;
    /// Width of a terminal, for aligned columns; 0: unlimited. Columns with Align::cut are
    /// truncated.
    std::size_t width = 0;
    /// If that is not enough, leave out whole columns from the right, except the first.
    bool drop_columns = false;
};

/// Lines, each with its newline and without blanks at its end.
std::string table_text(const cli::Table& table, const TableLayout& layout = {});

} // namespace userblk::ctl
