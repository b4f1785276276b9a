// SPDX-License-Identifier: MIT
#include "userblk/status.hpp"

#include <cerrno>
#include <future>
#include <gtest/gtest.h>

namespace userblk {
namespace {

// An errno reaches the kernel as it is, from whichever category it comes.
TEST(Status, AnErrnoReachesTheKernel) {
    EXPECT_EQ(status_of({}), 0);
    EXPECT_EQ(status_of(std::make_error_code(std::errc::no_space_on_device)), -ENOSPC);
    EXPECT_EQ(status_of({EOPNOTSUPP, std::system_category()}), -EOPNOTSUPP);
}

// An error that is no errno, or one that the kernel would refuse, is an I/O error:
// an answer is never lost for it.
TEST(Status, WhatIsNoErrnoIsAnInputOutputError) {
    EXPECT_EQ(status_of(std::make_error_code(std::future_errc::broken_promise)), -EIO);
    EXPECT_EQ(status_of({100'000, std::generic_category()}), -EIO);
    EXPECT_EQ(status_of({-ENOSPC, std::generic_category()}), -EIO);
}

} // namespace
} // namespace userblk
