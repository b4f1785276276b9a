// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/cli/table.hpp"

#include <cstddef>
#include <string>

namespace userblk::ctl {

/// How a table is printed, by libsmartcols as lsblk does it.
struct TableLayout {
    enum class Form {
        aligned,
        raw,  ///< a blank between cells, those within them as "\x20"
        pairs ///< NAME="value", for a shell
    };

    Form form = Form::aligned;
    bool headings = true;
    /// Of a terminal, for aligned columns; 0: any width will do. Columns that may be
    /// cut are.
    std::size_t width = 0;
    /// Whole columns are left out from the right where even that does not do; the first
    /// one stays.
    bool drop_columns = false;
};

/// Lines, each with its newline and without blanks at its end.
std::string table_text(const cli::Table& table, const TableLayout& layout = {});

} // namespace userblk::ctl
