// SPDX-License-Identifier: MIT
// The tools with a standard output that cannot be written. Needs neither the module nor root.
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

// A full disk: a later reader of the file must not take it for complete.
TEST(Output, ThatCannotBeWrittenIsAFailure) {
    for (const auto& line : printing) {
        const auto outcome = shell(line + " >/dev/full");
        EXPECT_EQ(outcome.status, 1) << line << outcome;
        EXPECT_NE(outcome.err.find("standard output: No space left"), std::string::npos)
            << line << outcome;
    }
}

// A closed standard output: the next file opened must not take its number.
TEST(Output, ThatIsClosedIsAFailure) {
    for (const auto& line : printing) {
        const auto outcome = shell(line + " >&-");
        EXPECT_EQ(outcome.status, 1) << line << outcome;
        EXPECT_NE(outcome.err.find("standard output: Bad file"), std::string::npos)
            << line << outcome;
    }
}

// The reader has seen enough, and SIGPIPE is ignored, as in many a daemon: no message, and commands
// that run indefinitely end.
TEST(Output, WithoutAReaderEndsQuietly) {
    for (const auto& line : printing) {
        const auto outcome = shell("trap '' PIPE; exec 3> >(:); wait $!; " + line + " >&3");
        EXPECT_EQ(outcome.status, 0) << line << outcome;
        EXPECT_EQ(outcome.err, "") << line;
    }
}

// A wrong command line is still reported as such.
TEST(Output, DoesNotHideWrongUsage) {
    const auto outcome = shell(USERBLKCTL " --frobnicate >/dev/full");
    EXPECT_EQ(outcome.status, 2) << outcome;
}

} // namespace userblk::tests
