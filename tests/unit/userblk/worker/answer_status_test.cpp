// SPDX-License-Identifier: MIT
#include "userblk/worker/answer_status.hpp"

#include <cerrno>
#include <future>
#include <gtest/gtest.h>

namespace userblk {
namespace {

// An errno reaches the kernel as it is, from whichever category it comes.
TEST(Status, AnErrnoReachesTheKernel) {
    EXPECT_EQ(answer_status({}), 0);
    EXPECT_EQ(answer_status(std::make_error_code(std::errc::no_space_on_device)), -ENOSPC);
    EXPECT_EQ(answer_status({EOPNOTSUPP, std::system_category()}), -EOPNOTSUPP);
}

// An error that is no errno, or one that the kernel would refuse, is an I/O error:
// an answer is never lost for it.
TEST(Status, WhatIsNoErrnoIsAnInputOutputError) {
    EXPECT_EQ(answer_status(std::make_error_code(std::future_errc::broken_promise)), -EIO);
    EXPECT_EQ(answer_status({100'000, std::generic_category()}), -EIO);
    EXPECT_EQ(answer_status({4096, std::system_category()}), -EIO);
    EXPECT_EQ(answer_status({-4096, std::generic_category()}), -EIO);
    EXPECT_EQ(answer_status({-ENOSPC, std::future_category()}), -EIO);
}

// A negative errno is what kernels and many libraries return: the user gets what was meant.
TEST(Status, ANegativeErrnoIsThatErrno) {
    EXPECT_EQ(answer_status({-ENOSPC, std::generic_category()}), -ENOSPC);
    EXPECT_EQ(answer_status({-ENOSPC, std::system_category()}), -ENOSPC);
}

// The log names what came, and what the user of the device got for it.
TEST(Status, TheTextNamesWhatCame) {
    EXPECT_EQ(describe_error(std::make_error_code(std::errc::no_space_on_device)),
              "No space left on device");
    EXPECT_EQ(describe_error({-ENOSPC, std::generic_category()}),
              "No space left on device (generic:-28, a negative errno)");
    EXPECT_EQ(describe_error({70'000, std::generic_category()}),
              "Unknown error 70000 (generic:70000, answered as Input/output error)");
    EXPECT_EQ(describe_error(std::make_error_code(std::future_errc::broken_promise)),
              "Broken promise (future:4, answered as Input/output error)");
}

} // namespace
} // namespace userblk
