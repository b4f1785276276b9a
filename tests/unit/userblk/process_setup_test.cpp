// SPDX-License-Identifier: MIT
#include "userblk/process_setup.hpp"

#include <gtest/gtest.h>
#include <linux/rseq.h>
#include <sched.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace userblk {
namespace {

// Whether the kernel has an rseq area for the calling thread: it refuses a second one.
bool has_restartable_sequences() {
    auto* const area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
    if (::syscall(SYS_rseq, area, 32, 0, RSEQ_SIG) < 0)
        return true;
    ::syscall(SYS_rseq, area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
    return false;
}

// A serving thread does without; its CPU is still known, and other threads keep theirs.
TEST(RestartableSequences, AreGivenUpByOneThread) {
    if (__rseq_size == 0)
        GTEST_SKIP() << "the C library has registered none";
    std::thread([] {
        EXPECT_TRUE(has_restartable_sequences());
        EXPECT_FALSE(forgo_restartable_sequences());
        EXPECT_FALSE(has_restartable_sequences());
        EXPECT_GE(::sched_getcpu(), 0);
    }).join();
    EXPECT_TRUE(has_restartable_sequences());
}

} // namespace
} // namespace userblk
