// SPDX-License-Identifier: MIT
#include "userblk/worker/error_log.hpp"

#include <gtest/gtest.h>

namespace userblk {
namespace {

using namespace std::chrono_literals;

// A store fails a thousand requests at once: the first few are logged. The next one, later, is
// logged with the number of those suppressed, and the remainder can be reported at the end, too.
TEST(ErrorLog, WritesFewAndCountsTheRest) {
    ErrorLog log;
    const ErrorLog::Clock::time_point start(1h);
    unsigned written = 0;
    for (int i = 0; i < 1000; ++i)
        if (const auto left_out = log.admit(start + i * 1ms)) {
            EXPECT_EQ(*left_out, 0U);
            ++written;
        }
    EXPECT_EQ(written, ErrorLog::burst);
    EXPECT_EQ(log.admit(start + ErrorLog::period), 1000 - ErrorLog::burst);
    EXPECT_EQ(log.admit(start + ErrorLog::period), 0U);
    EXPECT_EQ(log.take_left_out(), 0U);
    for (int i = 0; i < 20; ++i)
        log.admit(start + ErrorLog::period + 1s);
    EXPECT_EQ(log.take_left_out(), 22U - ErrorLog::burst);
    EXPECT_EQ(log.take_left_out(), 0U);
}

// A store that fails rarely gets every error logged.
TEST(ErrorLog, WritesAllThatAreRare) {
    ErrorLog log;
    for (int i = 1; i <= 100; ++i)
        EXPECT_EQ(log.admit(ErrorLog::Clock::time_point(i * 2s)), 0U);
}

} // namespace
} // namespace userblk
