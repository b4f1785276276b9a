// SPDX-License-Identifier: MIT
#include "userblk/backoff.hpp"

#include "userblk/os/deadline.hpp"

#include <gtest/gtest.h>

namespace userblk {
namespace {

using namespace std::chrono_literals;

// A fake clock: the tests advance it.
class BackoffTest : public testing::Test {
protected:
    // Starts a process, which dies after @p life; returns the delay before the next start.
    std::chrono::nanoseconds live(std::chrono::nanoseconds life) {
        backoff.started(now);
        now += life;
        const auto next = backoff.died(now);
        const auto delay = next - now;
        now = next;
        return delay;
    }

    Backoff backoff{BackoffPolicy{.first = 50ms, .longest = 400ms, .healthy = 1s}};
    Backoff::Clock::time_point now{};
};

// The first death: the replacement starts at once.
TEST_F(BackoffTest, FirstDeathIsFollowedByAStartAtOnce) {
    EXPECT_EQ(live(1ms), 0ms);
}

// A worker dies on every start: starts become rarer, down to a limit.
TEST_F(BackoffTest, DelaysDoubleUpToTheLongest) {
    EXPECT_EQ(live(1ms), 0ms);
    EXPECT_EQ(live(1ms), 50ms);
    EXPECT_EQ(live(1ms), 100ms);
    EXPECT_EQ(live(1ms), 200ms);
    EXPECT_EQ(live(1ms), 400ms);
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(live(1ms), 400ms);
    EXPECT_EQ(backoff.deaths(), 105U);
}

// A worker is killed now and then, but lives long enough in between: it is always replaced at once.
TEST_F(BackoffTest, AHealthyLifeIsForgiven) {
    for (int i = 0; i < 3; ++i)
        live(1ms);
    EXPECT_EQ(live(2s), 0ms);
    EXPECT_EQ(live(2s), 0ms);
    EXPECT_EQ(backoff.deaths(), 1U);
}

// With an infinite delay ("infinity"), the next start is never, not in the past; a policy whose
// delays cannot be doubled does not wrap around.
TEST(Backoff, AnInfiniteDelayIsNotInThePast) {
    using std::chrono::milliseconds;
    const Backoff::Clock::time_point now(1h);
    Backoff backoff({milliseconds::max(), milliseconds::max(), milliseconds::max()});
    for (int i = 0; i < 40; ++i) {
        backoff.started(now);
        EXPECT_EQ(backoff.died(now), i == 0 ? now : Backoff::Clock::time_point::max());
        EXPECT_EQ(backoff.deaths(), static_cast<unsigned>(i + 1));
    }
}

// A deadline beyond the end of the clock never comes, in whatever unit it is given.
TEST(Deadline, BeyondTheClockNeverComes) {
    using namespace std::chrono;
    constexpr auto never = steady_clock::time_point::max();
    const steady_clock::time_point now(100s);
    EXPECT_EQ(after(now, 5s), now + 5s);
    EXPECT_EQ(after(now, 0ns), now);
    EXPECT_EQ(after(now, nanoseconds::max()), never);
    EXPECT_EQ(after(now, nanoseconds::max() - 50s), never);
    EXPECT_EQ(after(now, nanoseconds::max() - 200s),
              steady_clock::time_point(nanoseconds::max() - 100s));
    EXPECT_EQ(after(now, duration_cast<milliseconds>(nanoseconds::max())), never);
    EXPECT_EQ(after(now, milliseconds::max()), never);
    EXPECT_EQ(after(now, hours::max()), never);
    EXPECT_EQ(after(never, 1ns), never);
}

} // namespace
} // namespace userblk
