// SPDX-License-Identifier: MIT
#include "recover/json.hpp"
#include "recover/recover.hpp"
#include "recover/survey.hpp"
#include "recover/table.hpp"
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
