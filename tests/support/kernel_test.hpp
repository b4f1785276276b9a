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

// The base of every test against the real module. After each one there are no devices and no child
// processes left, and the kernel log holds no report that was not announced; otherwise the test
// fails, and what it left is cleaned up.
class KernelTest : public testing::Test {
protected:
    // At construction and destruction, so that a fixture's members come and go in between.
    KernelTest();
    ~KernelTest() override;

    // Announces one report in the kernel log, also to the log checker of the virtual machine.
    void expect_kernel_log(const std::string& regex);
    // Tells how often a race came out in each of two ways.
    static void report(const std::string& what, std::uint64_t met, std::uint64_t otherwise);
    // For the few tests that need more than the usual limit.
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

// What the machine must have; otherwise the test is skipped with a reason, which fails the run
// unless USERBLK_ALLOW_SKIP is set. For use in a test's body.
#define USERBLK_REQUIRES(condition, what)                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            GTEST_SKIP() << "requires " << (what);                                                 \
    } while (false)
#define USERBLK_REQUIRES_PROCESSORS(n)                                                             \
    USERBLK_REQUIRES(::userblk::test::processors() >= (n), #n " processors")
