// SPDX-License-Identifier: MIT
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace userblk::cli {

/// Rows of text under headings.
struct Table {
    enum class Align {
        left,
        right,
        cut ///< left-aligned, truncated on a narrow terminal
    };
    struct Column {
        std::string heading;
        Align align = Align::left;
    };

    std::vector<Column> columns;
    std::vector<std::vector<std::string>> rows; ///< one text per column
};

/// Prints a table in aligned columns, each line after @p indent; what would act on a
/// terminal is escaped. For userblk-recover, which is to be linked statically and
/// cannot have libsmartcols: userblkctl prints the same by that (ctl/table_text.hpp).
void print(std::ostream& out, const Table& table, const std::string& indent = "");

} // namespace userblk::cli
