// SPDX-License-Identifier: MIT
//
// What the tests' own log reader recognises as a kernel report.
#include <gtest/gtest.h>

#include "tests/support/kernel_log.hpp"

namespace userblk::test {

using Lines = std::vector<std::string>;

const Lines warning = {"------------[ cut here ]------------",
                       "WARNING: CPU: 0 PID: 7 at kmod/queue.c:12 userblk_put+0x1/0x2 [userblk]",
                       "Call Trace:",
                       " <TASK>",
                       " userblk_put+0x1/0x2",
                       "---[ end trace 0000000000000000 ]---"};

Lines operator+(Lines first, const Lines& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

// A test may well cause errors of a device.
TEST(KernelLog, PlainMessagesAreNoReport) {
    EXPECT_TRUE(kernel_reports({}, {}).empty());
    EXPECT_TRUE(
        kernel_reports({"I/O error, dev userblk0, sector 0 op 0x0:(READ) flags 0x0",
                        "Buffer I/O error on dev userblk0, logical block 0, async page read",
                        "userblk-test: Get.BugOrWarning", "userblk0: p1 p2"},
                       {})
            .empty());
}

// A warning with its trace is one report.
TEST(KernelLog, WarningIsOneReport) {
    EXPECT_EQ(kernel_reports(warning, {}).size(), 1u);
    EXPECT_EQ(kernel_reports(warning + Lines{"quiet"} + warning, {}).size(), 2u);
}

// Every kind of line that a broken kernel prints is recognised.
TEST(KernelLog, EachKindIsAReport) {
    for (const char* line :
         {"BUG: kernel NULL pointer dereference, address: 0000000000000010",
          "kernel BUG at kmod/queue.c:1!", "Oops: 0000 [#1] PREEMPT SMP PTI",
          "INFO: task fio:12 blocked for more than 60 seconds.",
          "WARNING: possible circular locking dependency detected",
          "watchdog: BUG: soft lockup - CPU#1 stuck for 26s!",
          "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
          "BUG userblk (Not tainted): Objects remaining in userblk on __kmem_cache_shutdown()",
          "UBSAN: array-index-out-of-bounds in kmod/get.c:1:2", "KASAN: slab-use-after-free in x"})
        EXPECT_EQ(kernel_reports({line}, {}).size(), 1u) << line;
}

// A cache that could not be allocated is reported by a trace and nothing else.
TEST(KernelLog, DeniedMemoryIsNoReport) {
    const Lines denied = {"__kmem_cache_create_args(bio-120) failed with error -12",
                          "CPU: 0 UID: 0 PID: 86 Comm: fault_tests", "Call Trace:", " <TASK>"};
    EXPECT_TRUE(kernel_reports(denied, {}).empty());
    EXPECT_TRUE(kernel_reports({"__kmem_cache_create_args(bio-112) failed with error -22",
                                "CPU: 1 UID: 0 PID: 83 Comm: fault_tests", "Call Trace:"},
                               {})
                    .empty());
    EXPECT_EQ(kernel_reports(denied + warning, {}).size(), 1u);
    EXPECT_EQ(kernel_reports({"Call Trace:", " <TASK>"}, {}).size(), 1u);
    EXPECT_EQ(kernel_reports({"something else failed with error -12"}, {}).size(), 1u);
}

// An announced report, identified by any of its lines, does not count; others still do.
TEST(KernelLog, AnnouncedReportIsNone) {
    EXPECT_TRUE(kernel_reports(warning, {"WARNING: .*userblk_put"}).empty());
    EXPECT_EQ(kernel_reports(warning, {"something else"}).size(), 1u);
    const Lines two = warning + Lines{"BUG: scheduling while atomic: t/1/0x2"};
    EXPECT_EQ(kernel_reports(two, {"WARNING: .*userblk_put"}).size(), 1u);
}

} // namespace userblk::test
