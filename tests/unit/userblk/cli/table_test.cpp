// SPDX-License-Identifier: MIT
#include "userblk/cli/table.hpp"

#include <gtest/gtest.h>
#include <sstream>

namespace userblk::cli {

namespace {

using Align = Table::Align;

std::string printed(const Table& table, const std::string& indent = "") {
    std::ostringstream out;
    print(out, table, indent);
    return out.str();
}

} // namespace

// Text is aligned left, numbers right, and no line has trailing blanks.
TEST(Table, AlignsColumnsAndEndsLinesWithTheirLastLetter) {
    const Table table{{{"NAME"}, {"SIZE", Align::right}, {"LAST", Align::cut}},
                      {{"a", "1024", ""}, {"longer", "7", "x"}}};
    EXPECT_EQ(printed(table), "NAME   SIZE LAST\na      1024\nlonger    7 x\n");
    EXPECT_EQ(printed(table, "  "), "  NAME   SIZE LAST\n  a      1024\n  longer    7 x\n");
}

// A name chosen by others is visible and has no effect; non-ASCII letters take one column.
TEST(Table, ShowsWhatWouldActOnATerminal) {
    const Table table{{{"NAME"}, {"SIZE"}}, {{"\x1b[2J", "1"}, {"g\xc3\xb6ld\n", "2"}}};
    EXPECT_EQ(printed(table), "NAME     SIZE\n\\x1b[2J  1\ng\xc3\xb6ld\\x0a 2\n");
}

} // namespace userblk::cli
