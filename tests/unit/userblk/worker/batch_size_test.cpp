// SPDX-License-Identifier: MIT
#include "userblk/worker/batch_size.hpp"

#include <gtest/gtest.h>
#include <sched.h>

namespace userblk {
namespace {

using namespace std::chrono_literals;

// With several CPUs a batch is small, so that both sides work in parallel; on a single CPU, where
// they take turns, it is large.
TEST(BatchSize, IsSmallBesideOthersAndLargeAlone) {
    cpu_set_t before;
    ASSERT_EQ(::sched_getaffinity(0, sizeof(before), &before), 0);
    if (CPU_COUNT(&before) > 1) {
        EXPECT_EQ(default_batch(), 8U);
    }
    cpu_set_t one;
    CPU_ZERO(&one);
    for (std::size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
    EXPECT_EQ(default_batch(), 32U);
    EXPECT_EQ(::sched_setaffinity(0, sizeof(before), &before), 0);
}

// A fast store keeps the largest batch.
TEST(BatchSize, AFastStoreGetsLargeBatches) {
    BatchSize batch(32);
    for (int i = 0; i < 10; ++i)
        batch.done(32, 32 * 2us);
    EXPECT_EQ(batch.get(), 32U);
}

// A store that takes 10 ms per request gets one at a time, from the second batch on: others can
// carry out the rest meanwhile.
TEST(BatchSize, ASlowStoreGetsOneAtATime) {
    BatchSize batch(32);
    batch.done(32, 32 * 10ms);
    EXPECT_EQ(batch.get(), 1U);
}

// A store was slow for a while, perhaps a disk spinning up: batches grow again.
TEST(BatchSize, AStoreThatGetsFastAgainGetsLargeBatchesAgain) {
    BatchSize batch(32);
    batch.done(1, 1s);
    EXPECT_EQ(batch.get(), 1U);
    for (int i = 0; i < 200; ++i)
        batch.done(batch.get(), batch.get() * 2us);
    EXPECT_EQ(batch.get(), 32U);
}

// A batch without requests teaches nothing, and a batch size is never zero.
TEST(BatchSize, IsNeverZero) {
    BatchSize batch(0);
    batch.done(0, 5s);
    EXPECT_EQ(batch.get(), 1U);
}

// Reading the clock costs time: for a fast store it happens now and then, for a slow or unknown one
// always.
TEST(BatchSize, AFastStoreIsTimedNowAndThen) {
    BatchSize fast(32), slow(32);
    EXPECT_TRUE(fast.wants_time(1));
    fast.done(32, 32us);
    slow.done(1, 10ms);
    unsigned timed = 0;
    for (int i = 0; i < 160; ++i) {
        timed += fast.wants_time(1) ? 1 : 0;
        EXPECT_TRUE(slow.wants_time(1));
    }
    EXPECT_EQ(timed, 10U);
}

} // namespace
} // namespace userblk
