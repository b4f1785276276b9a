// SPDX-License-Identifier: MIT
#include "userblk/supervisor/reexec_state.hpp"

#include "userblk/store/file_io.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace userblk {
namespace {

// A supervisor execs its new build, which learns of the children and gets the note unchanged,
// blanks included.
TEST(ReexecState, ComesOutAsItWentIn) {
    const ReexecState sent{7, {100, 101}, {99}, "made  by us\nline two "};
    const auto received = ReexecState::from_text(sent.to_text());
    ASSERT_TRUE(received);
    EXPECT_EQ(received->number, 7U);
    EXPECT_EQ(received->workers, sent.workers);
    EXPECT_EQ(received->draining, sent.draining);
    EXPECT_EQ(received->note, sent.note);
}

// Nothing to hand over except the device is fine.
TEST(ReexecState, MayBeEmpty) {
    const auto received = ReexecState::from_text(ReexecState{0, {}, {}, ""}.to_text());
    ASSERT_TRUE(received);
    EXPECT_TRUE(received->workers.empty());
    EXPECT_EQ(received->note, "");
}

// Text of another version, or anything else, is no reexec state: the program starts afresh.
TEST(ReexecState, ForeignTextsAreNone) {
    for (const auto* text :
         {"", "2 0 0 0 ", "1", "1 x 0 0 ", "1 0 3 5 6", "1 0 999999999 1", "1 0 -1 0 "})
        EXPECT_FALSE(ReexecState::from_text(text)) << text;
}

// PIDs that stand for a process group, or for all processes, are not signalled.
TEST(ReexecState, GroupsOfProcessesAreNoWorkers) {
    EXPECT_TRUE(ReexecState::from_text("1 0 1 5 0 "));
    for (const auto* text : {"1 0 1 0 0 ", "1 0 1 -1 0 ", "1 0 0 2 5 -7 ", "1 0 1 99999999999 0 "})
        EXPECT_FALSE(ReexecState::from_text(text)) << text;
}

// The store's descriptor is open, refers to the store, and is inherited by the new program alone.
TEST(ReexecState, HandsOnTheOpenStore) {
    const int fd = ::memfd_create("store", 0);
    ASSERT_GE(fd, 0);
    ReexecState sent{7, {}, {}, "note"};
    sent.reload.store = fd;
    sent.reload.identity = file_identity(fd);
    sent.reload.opens_store = true;
    EXPECT_TRUE(execute({"/nowhere/program"}, sent)) << "there is no such program";
    EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC) << "as it was before";
    const auto receive = [](const ReexecState& handover) {
        ::setenv("USERBLK_HANDOVER", handover.to_text().c_str(), 1);
        ::setenv("USERBLK_HANDOVER_RELOAD", handover.reload.to_text().c_str(), 1);
        const auto received = ReexecState::received();
        ReexecState::forget();
        return received.value();
    };
    ::fcntl(fd, F_SETFD, 0);
    EXPECT_EQ(receive(sent).reload.store, fd);
    EXPECT_TRUE(receive(sent).reload.opens_store);
    EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
    sent.reload.identity = "file:0:0";
    EXPECT_EQ(receive(sent).reload.store, -1) << "another file";
    ::close(fd);
    EXPECT_EQ(receive(sent).reload.store, -1) << "closed";
}

} // namespace
} // namespace userblk
