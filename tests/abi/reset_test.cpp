// SPDX-License-Identifier: MIT
//
// RESET: what it puts back, in which order, and how it fences.
#include <cstring>

#include "tests/support/kernel_test.hpp"

namespace userblk::test {

class Reset : public KernelTest {
protected:
    static int refused(userblk_reset argument) {
        TestDevice device;
        device.read(0, 4096);
        take(device.control());
        const int error = reset(device.control(), argument).error;
        EXPECT_EQ(info(device.control()).taken, 1u);
        return error;
    }
    static std::vector<std::uint64_t> offsets(const std::vector<userblk_request>& requests) {
        std::vector<std::uint64_t> result;
        for (const userblk_request& request : requests)
            result.push_back(request.offset >> 16);
        return result;
    }
    using Order = std::vector<std::uint64_t>;
};

userblk_reset reset_argument(std::uint32_t which, std::uint64_t id = 0, std::uint64_t age = 0,
                             int pid = 0, std::uint32_t flags = 0) {
    return {id, age, which, pid, flags, 0};
}

TEST_F(Reset, UnknownKindIsRefused) {
    EXPECT_EQ(refused(reset_argument(5)), EINVAL);
    EXPECT_EQ(refused(reset_argument(0xffffffffu)), EINVAL);
}

TEST_F(Reset, UnknownFlagIsRefused) {
    EXPECT_EQ(refused(reset_argument(USERBLK_RESET_ALL, 0, 0, 0, 4)), EINVAL);
}

// A field that the kind of reset does not use must be 0: the caller meant something else.
TEST_F(Reset, FieldWithoutUseIsRefused) {
    EXPECT_EQ(refused(reset_argument(USERBLK_RESET_ALL, 1)), EINVAL);
    EXPECT_EQ(refused(reset_argument(USERBLK_RESET_ALL, 0, 1)), EINVAL);
    EXPECT_EQ(refused(reset_argument(USERBLK_RESET_DEAD, 0, 0, 1)), EINVAL);
    EXPECT_EQ(refused(reset_argument(USERBLK_RESET_OLDER, 0, 1, 1)), EINVAL);
    EXPECT_EQ(refused(reset_argument(USERBLK_RESET_PID, 1, 0, 1)), EINVAL);
    EXPECT_EQ(refused(reset_argument(USERBLK_RESET_ID, 1, 1)), EINVAL);
}

// The count cannot be written back: the requests are put back all the same, and a second RESET
// reports that there are none left.
TEST_F(Reset, ReadOnlyArgumentIsReported) {
    TestDevice device;
    device.read(0, 4096);
    take(device.control());
    EdgeMemory memory(4096);
    userblk_reset argument{};
    argument.which = USERBLK_RESET_ALL;
    std::memcpy(memory.before_edge(4096), &argument, sizeof(argument));
    memory.make_read_only();
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_RESET, memory.before_edge(4096)), EFAULT);
    EXPECT_EQ(info(device.control()).queued, 1u);
    EXPECT_EQ(reset_all(device.control()).count, 0u);
}

TEST_F(Reset, BadPointerIsRefused) {
    TestDevice device;
    device.read(0, 4096);
    take(device.control());
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_RESET, reinterpret_cast<void*>(bad_address)),
              EFAULT);
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_RESET, nullptr), EFAULT);
    EXPECT_EQ(info(device.control()).taken, 1u);
}

// Nothing is taken: success with a count of 0.
TEST_F(Reset, OfNothingIsSuccess) {
    TestDevice device;
    device.read(0, 4096);
    for (const ResetResult& result :
         {reset_dead(device.control()), reset_all(device.control()),
          reset_older(device.control(), 0), reset_id(device.control(), 77),
          reset_pid(device.control(), getpid())}) {
        EXPECT_EQ(result.error, 0);
        EXPECT_EQ(result.count, 0u);
    }
    EXPECT_EQ(info(device.control()).queued, 1u);
    EXPECT_EQ(info(device.control()).resets, 0u);
}

// By default RESET puts back only what dead takers hold; the caller is alive.
TEST_F(Reset, DeadLeavesTheLivingAlone) {
    TestDevice device;
    device.read_many(3);
    take_up_to(device.control(), 3);
    EXPECT_EQ(reset_dead(device.control()).count, 0u);
    EXPECT_EQ(info(device.control()).taken, 3u);
}

// A process that took nothing, one that does not exist, and process 1: nothing is put back.
TEST_F(Reset, PidOfAStrangerPutsNothingBack) {
    TestDevice device;
    device.read_many(2);
    take_up_to(device.control(), 2);
    Child child([](ChildSide& side) -> int { side.sleep_for_ever(); });
    for (const int pid : {child.pid(), 1, 4'000'000}) {
        const ResetResult result = reset_pid(device.control(), pid);
        EXPECT_EQ(result.error, 0);
        EXPECT_EQ(result.count, 0u);
    }
    EXPECT_EQ(info(device.control()).taken, 2u);
}

TEST_F(Reset, PidOfNobodyIsRefused) {
    EXPECT_EQ(refused(reset_argument(USERBLK_RESET_PID, 0, 0, 0)), EINVAL);
    EXPECT_EQ(refused(reset_argument(USERBLK_RESET_PID, 0, 0, -1)), EINVAL);
}

// Two processes took; a reset by one's pid leaves the other's requests alone.
TEST_F(Reset, PidPutsBackWhatThatProcessTook) {
    TestDevice device;
    device.read_many(3);
    take(device.control());
    Child child([&](ChildSide& side) -> int {
        take_each(device.control(), 2);
        side.tell();
        side.sleep_for_ever();
    });
    child.await();
    const ResetResult result = reset_pid(device.control(), child.pid());
    EXPECT_EQ(result.error, 0);
    EXPECT_EQ(result.count, 2u);
    EXPECT_EQ(info(device.control()).queued, 2u);
    const std::vector<userblk_taken> left = taken_list(device.control());
    ASSERT_EQ(left.size(), 1u);
    EXPECT_EQ(left[0].pid, getpid());
}

// A zombie still has its pid.
TEST_F(Reset, PidOfADeadProcessWorks) {
    TestDevice device;
    device.read(0, 4096);
    Child child([&](ChildSide&) {
        take(device.control());
        return 0;
    });
    EXPECT_TRUE(child.becomes_zombie());
    EXPECT_EQ(reset_pid(device.control(), child.pid()).count, 1u);
}

// One request was taken long ago and one just now.
TEST_F(Reset, OlderPutsBackWhatIsOlder) {
    TestDevice device;
    device.read_many(2);
    take(device.control());
    EXPECT_EQ(reset_older(device.control(), 3'600'000'000'000).count, 0u);
    EXPECT_TRUE(eventually([&] { return reset_older(device.control(), 30'000'000).count == 1; }));
    EXPECT_EQ(info(device.control()).taken, 0u);
    EXPECT_EQ(info(device.control()).queued, 2u);
}

TEST_F(Reset, OlderThanNothingIsEverything) {
    TestDevice device;
    device.read_many(2);
    take_up_to(device.control(), 2);
    EXPECT_EQ(reset_older(device.control(), 0).count, 2u);
}

TEST_F(Reset, OlderThanTheLargestAgeIsNothing) {
    TestDevice device;
    device.read(0, 4096);
    take(device.control());
    EXPECT_EQ(reset_older(device.control(), ~0ull).count, 0u);
}

TEST_F(Reset, IdPutsBackOneRequest) {
    TestDevice device;
    device.read_many(3);
    const std::vector<userblk_request> taken = take_up_to(device.control(), 3);
    EXPECT_EQ(reset_id(device.control(), taken[1].id).count, 1u);
    EXPECT_EQ(info(device.control()).taken, 2u);
    EXPECT_EQ(reset_id(device.control(), taken[1].id).count, 0u) << "the id is an old one now";
    EXPECT_EQ(take(device.control()).offset, taken[1].offset);
}

// What is put back goes ahead of what was submitted later, in the order of submission, whatever the
// order in which it was taken and put back.
TEST_F(Reset, RestoresTheOrderOfSubmission) {
    TestDevice device;
    device.read_many(5); // 0 … 4
    const std::vector<userblk_request> taken = take_up_to(device.control(), 4);
    device.read(9 << 16, 4096);
    EXPECT_EQ(reset_id(device.control(), taken[3].id).count, 1u);
    EXPECT_EQ(reset_id(device.control(), taken[1].id).count, 1u);
    EXPECT_EQ(reset_all(device.control()).count, 2u);
    EXPECT_EQ(offsets(take_each(device.control(), 6)), (Order{0, 1, 2, 3, 4, 9}));
}

// Put back, taken and put back again: the order is still the same.
TEST_F(Reset, KeepsTheOrderTimeAndAgain) {
    TestDevice device;
    device.read_many(4);
    for (std::uint32_t round = 1; round <= 4; round++) {
        const std::vector<userblk_request> taken = take_each(device.control(), 4);
        EXPECT_EQ(offsets(taken), (Order{0, 1, 2, 3}));
        for (const userblk_request& request : taken) {
            EXPECT_EQ(request.deliveries, round);
            EXPECT_EQ(request.flags, round == 1 ? 0u : USERBLK_REQ_REDELIVERED);
        }
        EXPECT_EQ(reset_all(device.control()).count, 4u);
    }
    EXPECT_EQ(info(device.control()).resets, 4u);
    EXPECT_EQ(info(device.control()).put_back, 16u);
}

// A request that was put back may crash its worker: it is delivered alone, however large the batch.
TEST_F(Reset, DeliversWhatItPutBackAlone) {
    TestDevice device;
    device.read_many(5);
    take_up_to(device.control(), 2);
    EXPECT_EQ(reset_all(device.control()).count, 2u);
    EXPECT_EQ(offsets(take_up_to(device.control(), 16)), Order{0});
    EXPECT_EQ(offsets(take_up_to(device.control(), 16)), Order{1});
    EXPECT_EQ(offsets(take_up_to(device.control(), 16)), (Order{2, 3, 4}));
}

// The same with SERVE, and with a new request queued on another hardware queue.
TEST_F(Reset, DeliversAloneAcrossQueues) {
    USERBLK_REQUIRES_PROCESSORS(2);
    userblk_config config = test_config();
    config.queues = 2;
    TestDevice device(config);
    {
        OnProcessor here(0);
        device.read(0, 4096);
    }
    take(device.control());
    EXPECT_EQ(reset_all(device.control()).count, 1u);
    for (unsigned int i = 1; i < 5; i++) {
        OnProcessor at(i % 2);
        device.read(i << 16, 4096);
    }
    std::vector<userblk_request> requests(16, record());
    std::uint64_t seen = 0;
    while (seen < 5) {
        std::fill(requests.begin(), requests.end(), record());
        userblk_serve argument = serve_argument({}, requests);
        ASSERT_EQ(serve(device.control(), argument), 0);
        ASSERT_GT(argument.get.count, 0u);
        seen += argument.get.count;
        for (std::uint32_t i = 0; i < argument.get.count; i++)
            EXPECT_TRUE(!(requests[i].flags & USERBLK_REQ_REDELIVERED) || argument.get.count == 1);
    }
}

// Every kind of answer with the old id is refused, whether the request is queued or taken again,
// and changes nothing.
TEST_F(Reset, FencesEveryAnswerOfTheOldDelivery) {
    TestDevice device;
    const Io io = device.write(0, pattern(4096, 1));
    const userblk_request old = take(device.control());
    ASSERT_EQ(reset_all(device.control()).count, 1u);
    Buffer room(4096);
    room.fill(0xcc);
    const userblk_answer answers[] = {complete(old.id),
                                      complete(old.id, -EIO),
                                      fetch(old.id, room.data(), 4096),
                                      store(old.id, room.data(), 4096),
                                      give_back(old.id),
                                      adopt(old.id)};
    const auto all_stale = [&] {
        for (const userblk_answer& answer : answers)
            EXPECT_EQ(put(device.control(), answer), ESTALE) << answer.action;
    };
    all_stale();
    EXPECT_EQ(info(device.control()).queued, 1u);
    const userblk_request again = take(device.control());
    all_stale();
    EXPECT_EQ(info(device.control()).taken, 1u);
    EXPECT_EQ(info(device.control()).stale, 12u);
    EXPECT_TRUE(room.all(0xcc));
    EXPECT_FALSE(io->finished());
    EXPECT_EQ(put(device.control(), store(again.id, room.data(), 4096)), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(room, io->data());
}

// A stale answer to a READ does not change the data of the new one.
TEST_F(Reset, FencesOldData) {
    TestDevice device;
    const Io io = device.read(0, 4096);
    const userblk_request old = take(device.control());
    reset_all(device.control());
    const userblk_request again = take(device.control());
    const Buffer wrong = pattern(4096, 1), right = pattern(4096, 2);
    EXPECT_EQ(put(device.control(), complete_read(old.id, wrong.data(), 4096)), ESTALE);
    EXPECT_EQ(put(device.control(), complete_read(again.id, right.data(), 4096)), 0);
    EXPECT_EQ(put(device.control(), complete_read(old.id, wrong.data(), 4096)), ESTALE);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(io->data(), right);
}

// Any process that can open the node may reset, not only the taker.
TEST_F(Reset, ByAnUnprivilegedProcess) {
    userblk_config config = test_config();
    config.uid = nobody;
    TestDevice device(config);
    device.read_many(2);
    take_up_to(device.control(), 2);
    Child child([&](ChildSide&) {
        drop_privileges();
        return static_cast<int>(reset_all(device.open_control().get()).count);
    });
    EXPECT_EQ(child.wait(), 2);
}

// What is put back wakes waiters in GET and in poll.
TEST_F(Reset, WakesWaiters) {
    TestDevice device;
    const Io io = device.read(0, 4096);
    take(device.control());
    Child waiter([&](ChildSide& side) {
        userblk_request request = record();
        side.tell();
        if (get(device.control(), {&request, 1}, for_ever).count != 1)
            return 1;
        return put(device.control(), complete(request.id, -ENOSPC));
    });
    waiter.await();
    EXPECT_TRUE(eventually_sleeps(waiter.pid()));
    EXPECT_EQ(reset_all(device.control()).count, 1u);
    EXPECT_EQ(waiter.wait(), 0);
    EXPECT_EQ(io->result(), ENOSPC);
}

// Many requests in one call.
TEST_F(Reset, ManyAtOnce) {
    userblk_config config = test_config(64 << 20);
    config.depth = 512;
    TestDevice device(config);
    device.read_many(500);
    EXPECT_EQ(take_up_to(device.control(), 512).size(), 500u);
    EXPECT_EQ(reset_all(device.control()).count, 500u);
    const std::vector<userblk_request> again = take_each(device.control(), 500);
    for (std::size_t i = 0; i < again.size(); i++)
        ASSERT_EQ(again[i].offset, i << 16);
}

} // namespace userblk::test
