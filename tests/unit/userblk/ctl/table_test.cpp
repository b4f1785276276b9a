// SPDX-License-Identifier: MIT
// Tables in the style of lsblk, and the options that select from them.
#include "userblk/ctl/command.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/format/table_options.hpp"
#include "userblk/ctl/format/table_text.hpp"

#include <CLI/CLI.hpp>
#include <clocale>
#include <gtest/gtest.h>

namespace userblk::ctl {

namespace {

using cli::Table;
using Align = Table::Align;
using Form = TableLayout::Form;
using Columns = std::vector<std::size_t>;

const Table devices{{{"DEVICE"}, {"NAME", Align::cut}, {"PUT-BACK", Align::right}, {"STORE"}},
                    {{"userblk0", "a b", "12", "file:/x"}, {"userblk1", "\"$c", "1234567", ""}}};

TableOptions options(const std::string& line) {
    TableOptions options;
    CLI::App app;
    CommandLine command(app);
    options.declare(command, "");
    app.parse(line);
    options.check();
    return options;
}

Columns choice(const std::string& line) {
    return options(line).choice({"DEVICE", "NAME", "SIZE", "STORE"}, "DEVICE,SIZE");
}

} // namespace

// Empty cells are blank, and no line ends in blanks.
TEST(TableText, AlignsColumns) {
    EXPECT_EQ(table_text(devices), "DEVICE   NAME PUT-BACK STORE\n"
                                   "userblk0 a b        12 file:/x\n"
                                   "userblk1 \"$c   1234567\n");
    EXPECT_EQ(table_text(devices, {.headings = false}), "userblk0 a b      12 file:/x\n"
                                                        "userblk1 \"$c 1234567\n");
}

// Scripts count lines: every row is one, an empty one too.
TEST(TableText, HasALineForEachRow) {
    const Table blank{{{"NAME"}}, {{""}, {""}}};
    EXPECT_EQ(table_text(blank, {.headings = false}), "\n\n");
    EXPECT_EQ(table_text(blank, {.form = Form::raw, .headings = false}), "\n\n");
    EXPECT_EQ(table_text(blank), "NAME\n\n\n");
    const Table one{{{"NAME"}}, {{""}}};
    EXPECT_EQ(table_text(one, {.headings = false}), "\n");
}

// As many cells as columns: an empty cell stands between two blanks, or after the last.
TEST(TableText, IsRawForOtherPrograms) {
    EXPECT_EQ(table_text(devices, {.form = Form::raw}), "DEVICE NAME PUT-BACK STORE\n"
                                                        "userblk0 a\\x20b 12 file:/x\n"
                                                        "userblk1 \"$c 1234567 \n");
}

// Values are quoted and escaped, so that a shell can evaluate them.
TEST(TableText, IsPairsForAShell) {
    EXPECT_EQ(table_text(devices, {.form = Form::pairs}),
              "DEVICE=\"userblk0\" NAME=\"a b\" PUT_BACK=\"12\" STORE=\"file:/x\"\n"
              "DEVICE=\"userblk1\" NAME=\"\\x22\\x24c\" PUT_BACK=\"1234567\" STORE=\"\"\n");
    EXPECT_EQ(table_text(devices, {.form = Form::pairs, .headings = false}),
              table_text(devices, {.form = Form::pairs}));
}

// The headings distinguish "no rows" from "no answer".
TEST(TableText, HasHeadingsWithoutRows) {
    const Table none{devices.columns, {}};
    EXPECT_EQ(table_text(none), "DEVICE NAME PUT-BACK STORE\n");
    EXPECT_EQ(table_text(none, {.headings = false}), "");
    EXPECT_EQ(table_text(none, {.form = Form::pairs}), "");
}

// A name chosen by others is visible and has no effect: control characters, bytes that are no
// UTF-8, direction marks; in all forms, and in locales with and without those letters.
TEST(TableText, ShowsWhatWouldActOnATerminal) {
    const Table table{{{"NAME"}}, {{"\x1b[2J\xc2\x9b\xff\xe2\x80\xae\n\xc3\xb6"}}};
    for (const char* locale : {"C", "C.UTF-8"}) {
        ASSERT_NE(std::setlocale(LC_CTYPE, locale), nullptr);
        for (const auto form : {Form::aligned, Form::raw, Form::pairs}) {
            const auto text = table_text(table, {.form = form, .headings = false});
            for (const char* bytes : {"\x1b", "\xc2\x9b", "\xff", "\xe2\x80\xae"})
                EXPECT_EQ(text.find(bytes), std::string::npos) << locale << text;
            EXPECT_EQ(text.find('\n'), text.size() - 1) << locale << text;
            EXPECT_NE(text.find("[2J"), std::string::npos) << locale << text;
        }
    }
    EXPECT_NE(table_text(table).find("\xc3\xb6"), std::string::npos) << "a letter stays a letter";
    std::setlocale(LC_CTYPE, "C");
}

// Numbers are never truncated: half a number is another number.
TEST(TableText, CutsTextsAndNothingElseWhereATerminalIsNarrow) {
    Table table = devices;
    table.columns[3].align = Align::cut;
    EXPECT_EQ(table_text(table, {.width = 28}), "DEVICE   NAME PUT-BACK STORE\n"
                                                "userblk0 a b        12 file:\n"
                                                "userblk1 \"$c   1234567\n");
    EXPECT_EQ(table_text(table, {.width = 10}).substr(0, 29), "DEVICE   NAME PUT-BACK STORE\n");
}

// Columns that do not fit a narrow terminal are dropped whole, from the right; the first column
// stays.
TEST(TableText, LeavesOutTheColumnsThatDoNotFit) {
    const Table table{{{"NAME"}, {"SIZE", Align::right}, {"LAST"}}, {{"abcdef", "1024", "x"}}};
    for (const auto& [width, text] :
         std::vector<std::pair<std::size_t, std::string>>{{0, "NAME   SIZE LAST\nabcdef 1024 x\n"},
                                                          {16, "NAME   SIZE LAST\nabcdef 1024 x\n"},
                                                          {15, "NAME   SIZE\nabcdef 1024\n"},
                                                          {11, "NAME   SIZE\nabcdef 1024\n"},
                                                          {10, "NAME\nabcdef\n"},
                                                          {1, "NAME\nabcdef\n"}})
        EXPECT_EQ(table_text(table, {.width = width, .drop_columns = true}), text) << width;
    EXPECT_EQ(table_text(table, {.form = Form::raw, .width = 5, .drop_columns = true}),
              "NAME SIZE LAST\nabcdef 1024 x\n");
}

// Columns are chosen by name in any case, replace the defaults or are added to them, each once.
TEST(TableOptions, ChooseColumns) {
    EXPECT_EQ(choice(""), (Columns{0, 2}));
    EXPECT_EQ(choice("-o store,NAME"), (Columns{3, 1}));
    EXPECT_EQ(choice("--output +name"), (Columns{0, 2, 1}));
    EXPECT_EQ(choice("-o +size,store,store"), (Columns{0, 2, 3})) << "an object has each key once";
}

// An unknown column is refused, with the known ones; so are two output formats at once.
TEST(TableOptions, RefuseUnknownColumns) {
    for (const char* line : {"-o COLOUR", "-o name,", "-o ,name", "-o +", "-o name,,size"})
        EXPECT_THROW(choice(line), UsageError) << line;
    try {
        choice("-o COLOUR");
        FAIL();
    } catch (const UsageError& error) {
        for (const char* word : {"COLOUR", "DEVICE, NAME, SIZE, STORE"})
            EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
    }
    for (const char* line : {"--raw --pairs", "-J -r", "-P --json"})
        EXPECT_THROW(options(line), UsageError) << line;
}

} // namespace userblk::ctl
