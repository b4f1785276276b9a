// SPDX-License-Identifier: MIT
//
// The two limits that a device's creator may set: how long a request waits in the queue, and how
// often it is delivered. Without them requests wait indefinitely.
#include <utility>

#include "tests/support/kernel_test.hpp"

namespace userblk::test {

class QueueLimit : public KernelTest {
protected:
    static userblk_config limited() {
        userblk_config config = test_config();
        config.queue_limit_ns = 200'000'000;
        return config;
    }
    // Takes a request before its time is over; the machine may be too slow at the first try.
    static std::pair<Io, userblk_request> take_in_time(TestDevice& device) {
        std::pair<Io, userblk_request> result;
        EXPECT_TRUE(eventually([&] {
            result = {device.read(0, 4096), record()};
            return get(device.control(), {&result.second, 1}).count == 1;
        }));
        return result;
    }
};

class DeliveryLimit : public KernelTest {
protected:
    static userblk_config limited(std::uint32_t deliveries) {
        userblk_config config = test_config();
        config.delivery_limit = deliveries;
        return config;
    }
};

// Nobody serves: the request fails with ETIMEDOUT.
TEST_F(QueueLimit, RequestThatWaitsTooLongFails) {
    TestDevice device(limited());
    const Io read = device.read(0, 4096), write = device.write(65536, Buffer(4096));
    EXPECT_EQ(read->result(), ETIMEDOUT);
    EXPECT_EQ(write->result(), ETIMEDOUT);
    const userblk_info state = info(device.control());
    EXPECT_EQ(state.expired, 2u);
    EXPECT_EQ(state.errors, 2u);
    EXPECT_EQ(state.queued, 0u);
    EXPECT_EQ(poll_events(device.control(), POLLIN), 0);
}

// Later requests have their own time, even if the queue was empty meanwhile.
TEST_F(QueueLimit, HoldsForEveryRequest) {
    TestDevice device(limited());
    EXPECT_EQ(device.read(0, 4096)->result(), ETIMEDOUT);
    EXPECT_EQ(device.read(0, 4096)->result(), ETIMEDOUT);
    const std::vector<Io> ios = device.read_many(10);
    for (const Io& io : ios)
        EXPECT_EQ(io->result(), ETIMEDOUT);
    EXPECT_EQ(info(device.control()).expired, 12u);
}

// The limit covers the wait in the queue only: a taken request may be held as long as its taker
// likes.
TEST_F(QueueLimit, DoesNotConcernTakenRequests) {
    TestDevice device(limited());
    const auto [io, request] = take_in_time(device);
    EXPECT_EQ(device.read(65536, 4096)->result(), ETIMEDOUT); // a later one has timed out
    EXPECT_FALSE(io->finished());
    const Buffer data = pattern(4096, 1);
    EXPECT_EQ(put(device.control(), complete_read(request.id, data.data(), 4096)), 0);
    EXPECT_EQ(io->result(), 0);
}

// A request that was put back waits again, and times out.
TEST_F(QueueLimit, ConcernsWhatWasPutBack) {
    TestDevice device(limited());
    const auto [io, request] = take_in_time(device);
    EXPECT_EQ(reset_all(device.control()).count, 1u);
    EXPECT_EQ(io->result(), ETIMEDOUT);
}

// Without a limit a request waits. (No test can show for how long; here, longer than the limits
// above.)
TEST_F(QueueLimit, WithoutALimitRequestsWait) {
    TestDevice patient, impatient(limited());
    const Io io = patient.read(0, 4096);
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(impatient.read(0, 4096)->result(), ETIMEDOUT);
    EXPECT_FALSE(io->finished());
    EXPECT_EQ(info(patient.control()).queued, 1u);
}

// The device is removed while the limit's timer runs.
TEST_F(QueueLimit, RemovalWhileItRuns) {
    for (int i = 0; i < 5; i++) {
        TestDevice device(limited());
        device.read(0, 4096);
    }
}

// The largest limit does not overflow into a short one.
TEST_F(QueueLimit, LargestLimitIsNoLimit) {
    userblk_config config = limited();
    config.queue_limit_ns = ~0ull;
    TestDevice device(config), impatient(limited());
    const Io io = device.read(0, 4096);
    EXPECT_EQ(impatient.read(0, 4096)->result(), ETIMEDOUT);
    EXPECT_FALSE(io->finished());
    EXPECT_EQ(info(device.control()).queued, 1u);
}

// Two deliveries are allowed: the RESET of the second one fails the request.
TEST_F(DeliveryLimit, RequestThatIsDeliveredTooOftenFails) {
    TestDevice device(limited(2));
    const Io io = device.read(0, 4096);
    take(device.control());
    EXPECT_EQ(reset_all(device.control()).count, 1u);
    EXPECT_EQ(take(device.control()).deliveries, 2u);
    EXPECT_FALSE(io->finished());
    EXPECT_EQ(reset_all(device.control()).count, 1u);
    EXPECT_EQ(io->result(), EIO);
    const userblk_info state = info(device.control());
    EXPECT_EQ(state.exhausted, 1u);
    EXPECT_EQ(state.errors, 1u);
    EXPECT_EQ(state.queued, 0u);
    EXPECT_EQ(state.taken, 0u);
}

// The last delivery allowed is as good as the first.
TEST_F(DeliveryLimit, LastDeliveryCanBeAnswered) {
    TestDevice device(limited(2));
    const Io io = device.read(0, 4096);
    take(device.control());
    reset_all(device.control());
    const userblk_request request = take(device.control());
    const Buffer data = pattern(4096, 1);
    EXPECT_EQ(put(device.control(), complete_read(request.id, data.data(), 4096)), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(info(device.control()).exhausted, 0u);
}

// A limit of one: nothing is delivered twice; requests that nobody took are not affected.
TEST_F(DeliveryLimit, OfOneFailsWhatTheDeadHeld) {
    TestDevice device(limited(1));
    const std::vector<Io> ios = device.read_many(3);
    Child([&](ChildSide&) {
        take_up_to(device.control(), 2);
        return 0;
    }).wait();
    EXPECT_EQ(reset_dead(device.control()).count, 2u);
    EXPECT_EQ(ios[0]->result(), EIO);
    EXPECT_EQ(ios[1]->result(), EIO);
    EXPECT_FALSE(ios[2]->finished());
    EXPECT_EQ(take(device.control()).deliveries, 1u);
}

// After its reset an answer to the last delivery is stale like any other.
TEST_F(DeliveryLimit, AnswerAfterTheLastResetIsStale) {
    TestDevice device(limited(1));
    const Io io = device.read(0, 4096);
    const userblk_request request = take(device.control());
    reset_all(device.control());
    EXPECT_EQ(put(device.control(), complete(request.id, -ENOSPC)), ESTALE);
    EXPECT_EQ(io->result(), EIO);
}

} // namespace userblk::test
