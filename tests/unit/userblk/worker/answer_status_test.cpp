// SPDX-License-Identifier: MIT
#include "userblk/worker/answer_status.hpp"

#include <cerrno>
#include <future>
#include <gtest/gtest.h>

namespace userblk {
namespace {

// An errno reaches the kernel unchanged, from whatever category.
TEST(Status, AnErrnoReachesTheKernel) {
    EXPECT_EQ(answer_status({}), 0);
    EXPECT_EQ(answer_status(std::make_error_code(std::errc::no_space_on_device)), -ENOSPC);
    EXPECT_EQ(answer_status({EOPNOTSUPP, std::system_category()}), -EOPNOTSUPP);
}

// An error that is no errno, or that the kernel would refuse, becomes an I/O error: no answer is
// lost for it.
TEST(Status, OtherErrorsBecomeIoErrors) {
    EXPECT_EQ(answer_status(std::make_error_code(std::future_errc::broken_promise)), -EIO);
    EXPECT_EQ(answer_status({100'000, std::generic_category()}), -EIO);
    EXPECT_EQ(answer_status({4096, std::system_category()}), -EIO);
    EXPECT_EQ(answer_status({-4096, std::generic_category()}), -EIO);
    EXPECT_EQ(answer_status({-ENOSPC, std::future_category()}), -EIO);
}

// Kernels and many libraries return a negative errno: the user gets the errno meant.
TEST(Status, ANegativeErrnoIsThatErrno) {
    EXPECT_EQ(answer_status({-ENOSPC, std::generic_category()}), -ENOSPC);
    EXPECT_EQ(answer_status({-ENOSPC, std::system_category()}), -ENOSPC);
}

// The log names the backend's error, and the error that the user got for it.
TEST(Status, TheTextNamesTheError) {
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
