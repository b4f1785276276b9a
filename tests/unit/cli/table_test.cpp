// SPDX-License-Identifier: MIT
#include "userblk/cli/table.hpp"

#include <gtest/gtest.h>
#include <sstream>

namespace userblk::cli {

TEST(Table, AlignsColumnsAndHoldsEmptyCellsOpen) {
    Table table({{"NAME"}, {"SIZE", Table::Align::right}, {"LAST"}});
    table.add({"a", "1024", ""});
    table.add({"longer", "7", "x"});
    std::ostringstream with, without;
    table.print(with);
    table.print(without, false, "  ");
    EXPECT_EQ(with.str(), "NAME    SIZE  LAST\na       1024  -\nlonger     7  x\n");
    EXPECT_EQ(without.str(), "  a       1024  -\n  longer     7  x\n");
}

// What a narrow terminal has no room for is left out whole, from the right; the first column stays.
TEST(Table, LeavesOutTheColumnsThatDoNotFit) {
    Table table({{"NAME"}, {"SIZE", Table::Align::right}, {"LAST"}});
    table.add({"abcdef", "1024", "x"});
    for (const auto& [width, text] : std::vector<std::pair<std::size_t, std::string>>{
             {0, "NAME    SIZE  LAST\nabcdef  1024  x\n"},
             {18, "NAME    SIZE  LAST\nabcdef  1024  x\n"},
             {17, "NAME    SIZE\nabcdef  1024\n"},
             {12, "NAME    SIZE\nabcdef  1024\n"},
             {11, "NAME\nabcdef\n"},
             {1, "NAME\nabcdef\n"}}) {
        table.fit(width);
        std::ostringstream out;
        table.print(out);
        EXPECT_EQ(out.str(), text) << width;
    }
}

// A name that others chose is seen, and does nothing; letters that are no ASCII take one column.
TEST(Table, ShowsWhatWouldActOnATerminal) {
    Table table({{"NAME"}, {"SIZE"}});
    table.add({"\x1b[2J", "1"});
    table.add({"g\xc3\xb6ld\n", "2"});
    std::ostringstream out;
    table.print(out);
    EXPECT_EQ(out.str(), "NAME      SIZE\n\\x1b[2J   1\ng\xc3\xb6ld\\x0a  2\n");
}

} // namespace userblk::cli
