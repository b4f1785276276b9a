// SPDX-License-Identifier: MIT
#include "userblk/batch_size.hpp"

#include <gtest/gtest.h>

namespace userblk {
namespace {

using namespace std::chrono_literals;

// A fast store keeps the largest batch.
TEST(BatchSize, AFastStoreGetsLargeBatches) {
    BatchSize batch(32);
    for (int i = 0; i < 10; ++i)
        batch.done(32, 32 * 2us);
    EXPECT_EQ(batch.get(), 32U);
}

// A store that takes 10 ms for each request gets one at a time, from the second
// batch on: others can carry out the rest meanwhile.
TEST(BatchSize, ASlowStoreGetsOneAtATime) {
    BatchSize batch(32);
    batch.done(32, 32 * 10ms);
    EXPECT_EQ(batch.get(), 1U);
}

// A store was slow for a while, a disk that spun up perhaps: batches grow again.
TEST(BatchSize, AStoreThatGetsFastAgainGetsLargeBatchesAgain) {
    BatchSize batch(32);
    batch.done(1, 1s);
    EXPECT_EQ(batch.get(), 1U);
    for (int i = 0; i < 200; ++i)
        batch.done(batch.get(), batch.get() * 2us);
    EXPECT_EQ(batch.get(), 32U);
}

// Nothing done says nothing, and a batch is never empty.
TEST(BatchSize, IsNeverZero) {
    BatchSize batch(0);
    batch.done(0, 5s);
    EXPECT_EQ(batch.get(), 1U);
}

// To look at the clock costs something: for a fast store only now and then, for a slow
// one, or one of which nothing is known yet, always.
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
