// SPDX-License-Identifier: MIT
#include "userblk/handover.hpp"

#include <gtest/gtest.h>

namespace userblk {
namespace {

// A supervisor executes its new build: it learns of the children and gets its
// note as it was, spaces and all.
TEST(Handover, ComesOutAsItWentIn) {
    const Handover sent{7, {100, 101}, {99}, "made  by us\nline two "};
    const auto received = Handover::from_text(sent.to_text());
    ASSERT_TRUE(received);
    EXPECT_EQ(received->number, 7U);
    EXPECT_EQ(received->workers, sent.workers);
    EXPECT_EQ(received->leaving, sent.leaving);
    EXPECT_EQ(received->note, sent.note);
}

// Nothing to hand over but the device is all right.
TEST(Handover, MayBeEmpty) {
    const auto received = Handover::from_text(Handover{0, {}, {}, ""}.to_text());
    ASSERT_TRUE(received);
    EXPECT_TRUE(received->workers.empty());
    EXPECT_EQ(received->note, "");
}

// Another version's text, or anything else, is no handover: the program begins afresh.
TEST(Handover, ForeignTextsAreNone) {
    for (const auto* text :
         {"", "2 0 0 0 ", "1", "1 x 0 0 ", "1 0 3 5 6", "1 0 999999999 1", "1 0 -1 0 "})
        EXPECT_FALSE(Handover::from_text(text)) << text;
}

// What stands for a group of processes, or for all, is no process to signal.
TEST(Handover, GroupsOfProcessesAreNoWorkers) {
    EXPECT_TRUE(Handover::from_text("1 0 1 5 0 "));
    for (const auto* text : {"1 0 1 0 0 ", "1 0 1 -1 0 ", "1 0 0 2 5 -7 ", "1 0 1 99999999999 0 "})
        EXPECT_FALSE(Handover::from_text(text)) << text;
}

} // namespace
} // namespace userblk
