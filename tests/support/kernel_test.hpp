// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>

#include "abi.hpp"
#include "buffer.hpp"
#include "child.hpp"
#include "eventually.hpp"
#include "kernel_log.hpp"
#include "process.hpp"
#include "test_device.hpp"
#include "watchdog.hpp"

namespace userblk::test {

// The base of every test against the real module. After each test no device and no child process
// may be left, and the kernel log may hold no report that was not announced; otherwise the test
// fails, and the leftovers are removed.
class KernelTest : public testing::Test {
protected:
    // Setup and checks run in the constructor and destructor, so that a fixture's members live in
    // between.
    KernelTest();
    ~KernelTest() override;

    // Announces one report in the kernel log, to the log checker of the virtual machine as well.
    void expect_kernel_log(const std::string& regex);
    // Prints how often a race had each of its two outcomes.
    static void report(const std::string& what, std::uint64_t met, std::uint64_t otherwise);
    // For the few tests that need more than the default limit.
    void allow_time(std::chrono::seconds limit) { watchdog_->extend(limit); }

private:
    void check_devices();
    void check_children();
    void check_kernel_log();

    std::unique_ptr<KernelLog> log_;
    std::unique_ptr<Watchdog> watchdog_;
    std::vector<std::string> announced_;
};

} // namespace userblk::test

// What the machine must provide; otherwise the test is skipped with a reason, which fails the run
// unless USERBLK_ALLOW_SKIP is set. Use it in the test's body.
#define USERBLK_REQUIRES(condition, what)                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            GTEST_SKIP() << "requires " << (what);                                                 \
    } while (false)
#define USERBLK_REQUIRES_PROCESSORS(n)                                                             \
    USERBLK_REQUIRES(::userblk::test::processors() >= (n), #n " processors")
