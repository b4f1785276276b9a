// SPDX-License-Identifier: MIT
#include "tests/unit/userblk/ctl/program.hpp"

#include <gtest/gtest.h>

namespace userblk::recovery {

namespace {

tests::Outcome run_recover(const std::vector<std::string>& arguments) {
    return tests::run(USERBLK_RECOVER, arguments);
}

} // namespace

// A wrong command line: exit status 2, nothing on standard output, and a message without program
// internals.
TEST(UserblkRecover, RefusesWrongUsageWithStatusTwo) {
    const std::vector<std::vector<std::string>> lines = {{"--frobnicate"},
                                                         {"0", "--pid", "x"},
                                                         {"0", "--pid", "0"},
                                                         {"0", "--id", "zz"},
                                                         {"0", "--older-than", "soon"},
                                                         {"0", "--all", "--pid", "1"},
                                                         {"--all"},
                                                         {"--force"},
                                                         {"--watch", "--reset", "--force", "0"},
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

// A missing device is a failure with status 1, and the message names it.
TEST(UserblkRecover, FailsForADeviceThatIsNotThere) {
    for (const char* device : {"no-such", "4095", "/dev/userblkc4095"}) {
        const auto outcome = run_recover({device});
        EXPECT_EQ(outcome.status, 1) << outcome;
        EXPECT_NE(outcome.err.find("no such device"), std::string::npos) << outcome;
        EXPECT_EQ(run_recover({"--watch", device}).status, 1);
    }
}

// As in the man page, with the device after the forced form: a value of that option is one word.
TEST(UserblkRecover, TakesADeviceBehindAForcedForm) {
    for (const std::vector<std::string>& line : {std::vector<std::string>{"--pid", "3", "no-such"},
                                                 {"--pid", "3", "--pid", "4", "no-such"},
                                                 {"--id", "0x100000003", "no-such"}}) {
        const auto outcome = run_recover(line);
        EXPECT_EQ(outcome.status, 1) << outcome;
        EXPECT_NE(outcome.err.find("no such device"), std::string::npos) << outcome;
    }
}

// Each forced form's help says what to verify first.
TEST(UserblkRecover, HelpWarnsOfTheForcedForms) {
    const auto outcome = run_recover({"--help"});
    EXPECT_EQ(outcome.status, 0);
    std::size_t warnings = 0;
    for (auto at = outcome.out.find("Make"); at != std::string::npos;
         at = outcome.out.find("Make", at + 1))
        ++warnings;
    EXPECT_EQ(warnings, 5U) << outcome.out;
}

} // namespace userblk::recovery
