// SPDX-License-Identifier: MIT
#include "recover/json.hpp"
#include "recover/recover.hpp"
#include "recover/survey.hpp"
#include "recover/table.hpp"
#include "recover/watch.hpp"
#include "tests/unit/ctl/program.hpp"

#include <gtest/gtest.h>
#include <sstream>
#include <unistd.h>

namespace userblk::recovery {

namespace {

userblk_taken taken(std::uint64_t id, std::uint64_t held_ns, pid_t pid, bool orphan) {
    userblk_taken request{};
    request.id = id;
    request.offset = 8192;
    request.length = 4096;
    request.op = USERBLK_OP_WRITE;
    request.held_ns = held_ns;
    request.pid = pid;
    request.deliveries = 1;
    request.flags = orphan ? USERBLK_TAKEN_ORPHAN : 0;
    return request;
}

tests::Outcome run_recover(const std::vector<std::string>& arguments) {
    return tests::run(USERBLK_RECOVER, arguments);
}

} // namespace

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

TEST(Json, WritesWhatParsersTake) {
    JsonWriter json;
    json.begin_object().member("a", 1).member("b", "q\"\\\n").key("c").begin_array();
    json.value(true).null().begin_object().end_object().end_array().member("d", std::string("x"));
    json.end_object();
    EXPECT_EQ(json.text(), R"({"a":1,"b":"q\"\\\u000a","c":[true,null,{}],"d":"x"})");
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

// Of every kind, also those beyond ASCII, and bytes that JSON must not have.
TEST(Json, LetsNothingThroughThatActsOrIsNoText) {
    JsonWriter json;
    json.value(std::string("a\x1b\x7f\xc2\x9b\xff\xc3\xb6"));
    EXPECT_EQ(json.text(), "\"a\\u001b\\u007f\\u009b\xef\xbf\xbd\xc3\xb6\"");
}

// A parser takes the first or the last of two members of one name, as it likes.
TEST(Watch, ToldInJsonNoNameComesTwice) {
    Survey survey;
    survey.orphaned = 1;
    survey.holdings = holdings_of({taken(1, 10, 7, true)});
    const auto text = orphaned_event(survey);
    const auto members = text.substr(0, text.find('[')); // the list of requests is the last one
    for (const char* key : {"event", "device", "number", "orphaned", "requests"}) {
        const auto quoted = std::string("\"") + key + "\":";
        const auto at = members.find(quoted);
        ASSERT_NE(at, std::string::npos) << text;
        EXPECT_EQ(members.find(quoted, at + 1), std::string::npos) << text;
    }
}

TEST(RequestId, IsReadAsItIsShown) {
    EXPECT_EQ(id_text(0x100000003), "0x100000003");
    EXPECT_EQ(parse_id("0x100000003"), 0x100000003U);
    EXPECT_EQ(parse_id("17"), 17U);
    EXPECT_EQ(parse_id(id_text(~0ULL)), ~0ULL);
    for (const char* text : {"", "0x", "x", "12z", "-1", "0x10000000000000000"})
        EXPECT_THROW(parse_id(text), std::invalid_argument) << text;
}

// The longest held is what a person looks for: it comes first.
TEST(Survey, TellsWhoHoldsWhatTheLongestHeldFirst) {
    const auto holdings = holdings_of(
        {taken(1, 10, ::getpid(), false), taken(2, 1'500'000'000, 7, true), taken(3, 5, 0, false)});
    ASSERT_EQ(holdings.size(), 3U);
    EXPECT_EQ(holdings[0].id, 2U);
    EXPECT_FALSE(holdings[0].alive);
    EXPECT_EQ(holdings[0].program, "");
    EXPECT_TRUE(holdings[1].alive);
    EXPECT_NE(holdings[1].program, "");
    std::ostringstream out;
    print(out, holdings, "");
    EXPECT_NE(out.str().find("dead   7"), std::string::npos) << out.str();
    EXPECT_NE(out.str().find("not visible"), std::string::npos) << out.str();
    EXPECT_NE(out.str().find("1.5s"), std::string::npos) << out.str();
}

// A process may call itself what it likes; root's terminal is not its own.
TEST(Survey, ShowsTheNameOfATakerAsText) {
    auto holdings = holdings_of({taken(1, 10, ::getpid(), false)});
    holdings.at(0).program = "\x1b]0;pwned\a\xc2\x9b"
                             "31m";
    std::ostringstream out;
    print(out, holdings, "");
    EXPECT_EQ(out.str().find('\x1b'), std::string::npos);
    EXPECT_EQ(out.str().find('\a'), std::string::npos);
    EXPECT_EQ(out.str().find("\xc2\x9b"), std::string::npos);
    EXPECT_NE(out.str().find("\\x1b]0;pwned\\x07\\x9b31m"), std::string::npos) << out.str();
}

TEST(Survey, SaysInALineWhatIsPending) {
    Survey survey;
    survey.number = 3;
    std::ostringstream nothing, something;
    print(nothing, survey);
    EXPECT_EQ(nothing.str(), "userblk3: nothing is pending\n");
    survey.name = "data";
    survey.queued = 2;
    survey.oldest_queued = std::chrono::seconds(3);
    survey.taken = 4;
    survey.orphaned = 1;
    print(something, survey);
    EXPECT_EQ(something.str(),
              "userblk3 (data): 2 queued for up to 3s, 4 taken, 1 of them by the dead\n");
}

TEST(Survey, NamesOperations) {
    EXPECT_EQ(op_name(USERBLK_OP_WRITE_ZEROES), "write-zeroes");
    EXPECT_EQ(op_name(17), "op 17");
}

TEST(UserblkRecover, RefusesWrongUsageWithStatusTwo) {
    const std::vector<std::vector<std::string>> lines = {{"--frobnicate"},
                                                         {"0", "--pid", "x"},
                                                         {"0", "--pid", "0"},
                                                         {"0", "--id", "zz"},
                                                         {"0", "--older-than", "soon"},
                                                         {"0", "--all", "--pid", "1"},
                                                         {"--all"},
                                                         {"--pid", "1"},
                                                         {"--watch", "--all", "0"},
                                                         {"0", "--older-than"}};
    for (const auto& line : lines) {
        const auto outcome = run_recover(line);
        EXPECT_EQ(outcome.status, 2) << line.back() << outcome;
        EXPECT_EQ(outcome.out, "") << line.back();
        EXPECT_EQ(outcome.err.find("userblk-recover: "), 0U) << outcome;
        EXPECT_FALSE(tests::shows_internals(outcome.err)) << outcome;
    }
}

TEST(UserblkRecover, FailsForADeviceThatIsNotThere) {
    for (const char* device : {"no-such", "4095", "/dev/userblkc4095"}) {
        const auto outcome = run_recover({device});
        EXPECT_EQ(outcome.status, 1) << outcome;
        EXPECT_NE(outcome.err.find("there is no device"), std::string::npos) << outcome;
        EXPECT_EQ(run_recover({"--watch", device}).status, 1);
    }
}

// Each of them tells what one must have made sure of before.
TEST(UserblkRecover, HelpWarnsOfTheForcedForms) {
    const auto outcome = run_recover({"--help"});
    EXPECT_EQ(outcome.status, 0);
    std::size_t warnings = 0;
    for (auto at = outcome.out.find("Make"); at != std::string::npos;
         at = outcome.out.find("Make", at + 1))
        ++warnings;
    EXPECT_EQ(warnings, 4U) << outcome.out;
}

} // namespace userblk::recovery
