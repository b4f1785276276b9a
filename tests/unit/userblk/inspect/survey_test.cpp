// SPDX-License-Identifier: MIT
#include "userblk/inspect/survey.hpp"

#include <gtest/gtest.h>
#include <sstream>
#include <unistd.h>

namespace userblk::inspect {

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

} // namespace

// A request id is read back as it is printed; decimal numbers work, too.
TEST(RequestId, IsReadAsItIsShown) {
    EXPECT_EQ(id_text(0x100000003), "0x100000003");
    EXPECT_EQ(parse_id("0x100000003"), 0x100000003U);
    EXPECT_EQ(parse_id("17"), 17U);
    EXPECT_EQ(parse_id(id_text(~0ULL)), ~0ULL);
    for (const char* text : {"", "0x", "x", "12z", "-1", "0x10000000000000000"})
        EXPECT_THROW(parse_id(text), std::invalid_argument) << text;
}

// The request held longest is what people look for: it comes first.
TEST(Survey, ListsHoldersLongestHeldFirst) {
    const auto holdings = holdings_of(
        {taken(1, 10, ::getpid(), false), taken(2, 1'500'000'000, 7, true), taken(3, 5, 0, false)});
    ASSERT_EQ(holdings.size(), 3U);
    EXPECT_EQ(holdings[0].id, 2U);
    EXPECT_FALSE(holdings[0].alive);
    EXPECT_EQ(holdings[0].program, "");
    EXPECT_TRUE(holdings[1].alive);
    EXPECT_NE(holdings[1].program, "");
    std::ostringstream out;
    cli::print(out, table_of(holdings));
    EXPECT_NE(out.str().find("dead  7"), std::string::npos) << out.str();
    EXPECT_NE(out.str().find("not visible"), std::string::npos) << out.str();
    EXPECT_NE(out.str().find("1.5s"), std::string::npos) << out.str();
}

// A process may call itself anything; root's terminal stays safe.
TEST(Survey, ShowsTheNameOfATakerAsText) {
    auto holdings = holdings_of({taken(1, 10, ::getpid(), false)});
    holdings.at(0).program = "\x1b]0;pwned\a\xc2\x9b"
                             "31m";
    std::ostringstream out;
    cli::print(out, table_of(holdings));
    EXPECT_EQ(out.str().find('\x1b'), std::string::npos);
    EXPECT_EQ(out.str().find('\a'), std::string::npos);
    EXPECT_EQ(out.str().find("\xc2\x9b"), std::string::npos);
    EXPECT_NE(out.str().find("\\x1b]0;pwned\\x07\\x9b31m"), std::string::npos) << out.str();
}

// One line sums up what is queued, taken and orphaned.
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
              "userblk3 (data): 2 queued for up to 3s, 4 taken, 1 of them by dead processes\n");
}

// An unknown operation is shown by its number.
TEST(Survey, NamesOperations) {
    EXPECT_EQ(op_name(USERBLK_OP_WRITE_ZEROES), "write-zeroes");
    EXPECT_EQ(op_name(17), "op 17");
}

} // namespace userblk::inspect
