// SPDX-License-Identifier: MIT
#pragma once

#include "tests/support/fault_injection.hpp"
#include "tests/support/kernel_test.hpp"

namespace userblk::test {

// The base of the tests here: skipped where the kernel cannot inject faults.
class FaultTest : public KernelTest {
protected:
    void SetUp() override {
        allow_time(std::chrono::seconds(600));
        const std::string reason = why_no_faults();
        USERBLK_REQUIRES(reason.empty(), reason);
    }
    // What was met, as a line of output. A test whose faults all miss proves nothing.
    static void expect_faults(const FaultTally& tally, unsigned int at_least) {
        std::cout << "  " << tally.text() << std::endl;
        EXPECT_GE(tally.faults, at_least);
    }
    // A fault is told as what it is.
    static void expect_told(int error) {
        EXPECT_TRUE(error == 0 || error == ENOMEM || error == EFAULT) << strerror(error);
    }
};

} // namespace userblk::test
