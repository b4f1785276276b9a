// SPDX-License-Identifier: MIT
// What the tools do where their standard output takes nothing. Nothing here needs the
// module or root.
#include "tests/unit/userblk/ctl/program.hpp"

#include <gtest/gtest.h>

namespace userblk::tests {

namespace {

// Every way to print something without a device.
const std::vector<std::string> printing = {
    USERBLKCTL " --help",
    USERBLKCTL " --version",
    USERBLKCTL " create --help",
    USERBLKCTL " list",
    USERBLKCTL " list --json",
    USERBLKCTL " stats --json",
    USERBLKCTL " top --once -i 10ms",
    USERBLKCTL " top -i 10ms",
    USERBLK_RECOVER " --help",
    USERBLK_RECOVER " --version",
    USERBLK_RECOVER " --json",
};

Outcome shell(const std::string& line) {
    return run("/bin/bash", {"-c", line});
}

} // namespace

// A full disk: whoever reads the file later must not take what is there for all.
TEST(Output, ThatCannotBeWrittenIsAFailure) {
    for (const auto& line : printing) {
        const auto outcome = shell(line + " >/dev/full");
        EXPECT_EQ(outcome.status, 1) << line << outcome;
        EXPECT_NE(outcome.err.find("standard output: No space left"), std::string::npos)
            << line << outcome;
    }
}

// Closed: what is opened next must not take its place.
TEST(Output, ThatIsClosedIsAFailure) {
    for (const auto& line : printing) {
        const auto outcome = shell(line + " >&-");
        EXPECT_EQ(outcome.status, 1) << line << outcome;
        EXPECT_NE(outcome.err.find("standard output: Bad file"), std::string::npos)
            << line << outcome;
    }
}

// Whoever reads has seen enough, and SIGPIPE is ignored, as in many a daemon: no word, and what
// would go on for ever ends.
TEST(Output, WhoseReaderHasLeftIsNothingToSpeakOf) {
    for (const auto& line : printing) {
        const auto outcome = shell("trap '' PIPE; exec 3> >(:); wait $!; " + line + " >&3");
        EXPECT_EQ(outcome.status, 0) << line << outcome;
        EXPECT_EQ(outcome.err, "") << line;
    }
}

// A wrong command line stays what it is.
TEST(Output, DoesNotHideWrongUsage) {
    const auto outcome = shell(USERBLKCTL " --frobnicate >/dev/full");
    EXPECT_EQ(outcome.status, 2) << outcome;
}

} // namespace userblk::tests
