// SPDX-License-Identifier: MIT
#pragma once

#include "tests/support/fault_injection.hpp"
#include "tests/support/kernel_test.hpp"

namespace userblk::test {

// The base of the tests here: they are skipped if the kernel cannot inject faults.
class FaultTest : public KernelTest {
protected:
    void SetUp() override {
        allow_time(std::chrono::seconds(600));
        const std::string reason = why_no_faults();
        USERBLK_REQUIRES(reason.empty(), reason);
    }
    // Prints how many faults were triggered. A test that triggers none proves nothing.
    static void expect_faults(const FaultTally& tally, unsigned int at_least) {
        std::cout << "  " << tally.text() << std::endl;
        EXPECT_GE(tally.faults, at_least);
    }
    // A fault is reported as what it is.
    static void expect_told(int error) {
        EXPECT_TRUE(error == 0 || error == ENOMEM || error == EFAULT) << strerror(error);
    }
};

} // namespace userblk::test
