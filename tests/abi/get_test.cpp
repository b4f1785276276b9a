// SPDX-License-Identifier: MIT
//
// GET: who gets which request, and the cost of a bad call.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <set>
#include <thread>

#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"

namespace userblk::test {

class Get : public KernelTest {
protected:
    // The error of a GET whose argument has one change, while a request is queued; it must still be
    // queued afterwards.
    template <class Change>
    static int refused(Change change) {
        TestDevice device;
        const Io io = device.read(0, 4096);
        std::vector<userblk_request> records(2, record());
        userblk_get argument = get_argument(records);
        change(argument);
        const int error = ioctl_error(device.control(), USERBLK_GET, &argument);
        EXPECT_EQ(info(device.control()).queued, 1u);
        EXPECT_EQ(info(device.control()).taken, 0u);
        EXPECT_FALSE(io->finished());
        return error;
    }
};

using G = userblk_get;

TEST_F(Get, CountOfZeroIsRefused) {
    EXPECT_EQ(refused([](G& g) { g.count = 0; }), EINVAL);
}

TEST_F(Get, CountAboveTheMaximumIsRefused) {
    EXPECT_EQ(refused([](G& g) { g.count = 0xffffffffu; }), EINVAL);
    EXPECT_EQ(refused([](G& g) { g.count = USERBLK_MAX_BATCH + 1; }), EINVAL);
}

TEST_F(Get, WrongRecordSizeIsRefused) {
    EXPECT_EQ(refused([](G& g) { g.request_size = 0; }), ENOTTY);
    EXPECT_EQ(refused([](G& g) { g.request_size -= 8; }), ENOTTY);
    EXPECT_EQ(refused([](G& g) { g.request_size += 8; }), ENOTTY);
}

TEST_F(Get, UnknownFlagIsRefused) {
    EXPECT_EQ(refused([](G& g) { g.flags = 1u << 31; }), EINVAL);
    EXPECT_EQ(refused([](G& g) { g.flags = USERBLK_GET_ORPHANS; }), EINVAL);
}

TEST_F(Get, UnknownQueueIsRefused) {
    EXPECT_EQ(refused([](G& g) { g.queue = 1; }), EINVAL);
    EXPECT_EQ(refused([](G& g) { g.queue = 0xfffffffeu; }), EINVAL);
}

TEST_F(Get, TimeoutBelowMinusOneIsRefused) {
    EXPECT_EQ(refused([](G& g) { g.timeout_ns = -2; }), EINVAL);
}

TEST_F(Get, BadArrayPointerLosesNothing) {
    EXPECT_EQ(refused([](G& g) { g.requests = bad_address; }), EFAULT);
    EXPECT_EQ(refused([](G& g) { g.requests = 0; }), EFAULT);
}

TEST_F(Get, BadArgumentPointerLosesNothing) {
    TestDevice device;
    const Io io = device.read(0, 4096);
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_GET, reinterpret_cast<void*>(bad_address)),
              EFAULT);
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_GET, nullptr), EFAULT);
    EXPECT_EQ(info(device.control()).queued, 1u);
}

// The argument is readable but not writable, so that GET cannot write back: nothing may be taken,
// since nobody would know.
TEST_F(Get, ReadOnlyArgumentLosesNothing) {
    TestDevice device;
    const Io io = device.read(0, 4096);
    userblk_request request = record();
    EdgeMemory memory(4096);
    const userblk_get argument = get_argument({&request, 1});
    std::memcpy(memory.before_edge(4096), &argument, sizeof(argument));
    memory.make_read_only();
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_GET, memory.before_edge(4096)), EFAULT);
    EXPECT_EQ(info(device.control()).queued, 1u);
    EXPECT_EQ(info(device.control()).taken, 0u);
}

// The array is readable but not writable.
TEST_F(Get, ReadOnlyArrayLosesNothing) {
    EdgeMemory memory(4096);
    memory.make_read_only();
    EXPECT_EQ(refused([&](G& g) {
                  g.requests = address(memory.before_edge(4096));
                  g.count = 4;
              }),
              EFAULT);
}

// Four requests are queued, but only two records of the array are mapped: what was reported is
// taken, the rest stays queued.
TEST_F(Get, ArrayThatEndsEarlyLosesNothing) {
    TestDevice device;
    const std::vector<Io> ios = device.read_many(4);
    EdgeMemory memory(4096);
    auto* records =
        reinterpret_cast<userblk_request*>(memory.before_edge(2 * sizeof(userblk_request)));
    userblk_get argument = get_argument({records, 4});
    const int error = ioctl_error(device.control(), USERBLK_GET, &argument);
    EXPECT_TRUE(!error || error == EFAULT);
    const std::uint64_t told = error ? 0 : argument.count;
    EXPECT_LE(told, 2u);
    const userblk_info state = info(device.control());
    EXPECT_EQ(state.taken, told);
    EXPECT_EQ(state.queued, 4 - told);
}

TEST_F(Get, UnknownCommandOrSizeIsRefused) {
    TestDevice device;
    char argument[4096] = {};
    EXPECT_EQ(ioctl_error(device.control(), _IO(0xB7, 0x7f), argument), ENOTTY);
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_CREATE, argument), ENOTTY);
    for (const unsigned int number : {0x10u, 0x11u, 0x12u, 0x13u, 0x14u})
        EXPECT_EQ(ioctl_error(device.control(), _IOC(_IOC_READ | _IOC_WRITE, 0xB7, number, 2048),
                              argument),
                  ENOTTY)
            << number;
    EXPECT_EQ(ioctl_error(device.control(),
                          _IOC(_IOC_WRITE, 0xB7, 0x15, sizeof(userblk_resize) - 4), argument),
              ENOTTY);
}

// Nothing is queued: GET reports that at once without a timeout, and once it is over with one.
TEST_F(Get, EmptyQueueGivesNoRequest) {
    TestDevice device;
    userblk_request request = record();
    EXPECT_EQ(get(device.control(), {&request, 1}, no_wait).count, 0u);
    const GetResult result = get(device.control(), {&request, 1}, 30'000'000);
    EXPECT_EQ(result.error, 0);
    EXPECT_EQ(result.count, 0u);
    EXPECT_EQ(result.flags, 0u);
}

// Every field of a plain request.
TEST_F(Get, FillsInEveryField) {
    TestDevice device;
    const Io io = device.read(128 << 10, 8192);
    userblk_request request = record();
    std::memset(&request, 0xff, sizeof(request));
    request.addr = request.room = 0;
    request.reserved = 0;
    ASSERT_EQ(get(device.control(), {&request, 1}).count, 1u);
    EXPECT_EQ(request.op, USERBLK_OP_READ);
    EXPECT_EQ(request.offset, 128u << 10);
    EXPECT_EQ(request.length, 8192u);
    EXPECT_EQ(request.queue, 0u);
    EXPECT_EQ(request.flags, 0u);
    EXPECT_EQ(request.deliveries, 1u);
    EXPECT_EQ(request.payload, std::uint64_t{USERBLK_ID_GENERATION(request.id)} << 38 |
                                   std::uint64_t{USERBLK_ID_TAG(request.id)} << 23);
    EXPECT_EQ(request.result, 0);
    EXPECT_EQ(request.reserved, 0u);
    EXPECT_EQ(USERBLK_ID_QUEUE(request.id), 0u);
    EXPECT_LT(USERBLK_ID_TAG(request.id), device.config().depth);
}

// Requests are delivered in the order of submission.
TEST_F(Get, FirstComeFirstServed) {
    TestDevice device;
    for (const std::uint64_t at : {5, 2, 9, 0, 7})
        device.read(at << 16, 4096);
    std::vector<std::uint64_t> order;
    for (const userblk_request& request : take_up_to(device.control(), 16))
        order.push_back(request.offset >> 16);
    EXPECT_EQ(order, (std::vector<std::uint64_t>{5, 2, 9, 0, 7}));
}

// A batch takes as many as it has records; the rest waits for the next one.
TEST_F(Get, BatchTakesWhatFits) {
    TestDevice device;
    device.read_many(20);
    EXPECT_EQ(take_up_to(device.control(), 3).size(), 3u);
    EXPECT_EQ(take_up_to(device.control(), 16).size(), 16u);
    EXPECT_EQ(take_up_to(device.control(), 16).size(), 1u);
}

// The largest batch is accepted.
TEST_F(Get, LargestBatch) {
    TestDevice device;
    device.read_many(100);
    EXPECT_EQ(take_up_to(device.control(), USERBLK_MAX_BATCH).size(), 100u);
}

// Many threads and processes take at once through several descriptors: each request goes to exactly
// one of them.
TEST_F(Get, EachRequestIsDeliveredOnceAmongManyTakers) {
    constexpr std::size_t n = 100, takers = 6;
    TestDevice device;
    // How often each request was delivered, then the total.
    Buffer memory = make_store(sizeof(std::atomic<unsigned int>) * (n + 1));
    auto* deliveries = reinterpret_cast<std::atomic<unsigned int>*>(memory.data());
    const auto take_until_all_are = [&](int fd) {
        userblk_request records[3];
        while (deliveries[n] < n) {
            std::fill(std::begin(records), std::end(records), record());
            const GetResult result = get(fd, records, 20'000'000);
            if (result.error)
                return;
            for (std::uint32_t i = 0; i < result.count; i++)
                deliveries[records[i].offset >> 16]++;
            deliveries[n] += result.count;
        }
    };
    std::vector<Child> processes;
    for (std::size_t i = 0; i < takers / 2; i++)
        processes.emplace_back([&](ChildSide& side) -> int {
            take_until_all_are(device.open_control().get());
            side.tell();
            side.sleep_for_ever(); // what it took stays taken
        });
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < takers / 2; i++)
        threads.emplace_back([&] { take_until_all_are(device.open_control().get()); });
    device.read_many(n);
    for (Child& process : processes)
        process.await();
    for (std::thread& thread : threads)
        thread.join();
    const userblk_info state = info(device.control());
    EXPECT_EQ(state.queued, 0u);
    EXPECT_EQ(state.taken, n);
    EXPECT_EQ(state.gets, n);
    for (std::size_t i = 0; i < n; i++)
        EXPECT_EQ(deliveries[i], 1u) << i;
}

// A worker that spins before it sleeps finds what comes meanwhile, and is woken by what comes
// later.
TEST_F(Get, SpinningFindsWhatComes) {
    TestDevice device;
    for (const auto pause : {0, 1, 20}) {
        Child child([&](ChildSide& side) {
            const Fd fd = device.open_control();
            userblk_request request = record();
            side.tell();
            const GetResult result = get(fd.get(), {&request, 1}, for_ever, USERBLK_GET_SPIN);
            if (result.error || result.count != 1)
                return 1;
            return put(fd.get(), complete(request.id, -EIO));
        });
        child.await();
        std::this_thread::sleep_for(std::chrono::milliseconds(pause));
        const Io io = device.read(0, 4096);
        EXPECT_EQ(child.wait(), 0);
        EXPECT_EQ(io->result(), EIO);
    }
}

// It sleeps when nothing comes, and no longer than its timeout.
TEST_F(Get, SpinningEndsWithTheTime) {
    TestDevice device;
    userblk_request request = record();
    for (const std::int64_t timeout :
         {std::int64_t(0), std::int64_t(1000), std::int64_t(20'000'000)}) {
        const GetResult result = get(device.control(), {&request, 1}, timeout, USERBLK_GET_SPIN);
        EXPECT_EQ(result.error, 0);
        EXPECT_EQ(result.count, 0u);
    }
    Child child([&](ChildSide& side) {
        const Fd fd = device.open_control();
        side.tell();
        return get(fd.get(), {&request, 1}, for_ever, USERBLK_GET_SPIN).error == 0;
    });
    child.await();
    EXPECT_TRUE(eventually_sleeps(child.pid()));
    child.kill();
}

// A process waits in GET through its own descriptor; a request comes.
TEST_F(Get, WaitsForARequest) {
    TestDevice device;
    Child child([&](ChildSide& side) {
        const Fd fd = device.open_control();
        userblk_request request = record();
        side.tell();
        const GetResult result = get(fd.get(), {&request, 1}, for_ever);
        if (result.error || result.count != 1)
            return 1;
        return put(fd.get(), complete(request.id, -EIO));
    });
    child.await();
    EXPECT_TRUE(eventually_sleeps(child.pid()));
    const Io io = device.read(0, 4096);
    EXPECT_EQ(child.wait(), 0);
    EXPECT_EQ(io->result(), EIO);
}

// Many requests at once, as the block layer submits them from a plug: a sleeper wakes and finds all
// of them.
TEST_F(Get, BurstWakesASleeper) {
    TestDevice device;
    Child child([&](ChildSide& side) {
        side.tell();
        for (std::size_t served = 0; served < 60;) {
            std::vector<userblk_request> requests(7, record());
            const GetResult result = get(device.control(), requests, for_ever);
            if (result.error)
                return 1;
            for (std::uint32_t i = 0; i < result.count; i++)
                if (put(device.control(), complete(requests[i].id, -ENOSPC)))
                    return 2;
            served += result.count;
        }
        return 0;
    });
    child.await();
    EXPECT_TRUE(eventually_sleeps(child.pid()));
    for (const Io& io : device.read_burst(60))
        EXPECT_EQ(io->result(), ENOSPC);
    EXPECT_EQ(child.wait(), 0);
}

// Several requests at once and several sleepers with one record each, none of which calls again:
// each of them is woken.
TEST_F(Get, BurstWakesAsManyAsItNeeds) {
    TestDevice device;
    std::vector<Child> children;
    for (int i = 0; i < 4; i++) {
        children.emplace_back([&](ChildSide& side) -> int {
            userblk_request request = record();
            side.tell();
            get(device.control(), {&request, 1}, for_ever);
            side.sleep_for_ever();
        });
        children.back().await();
        EXPECT_TRUE(eventually_sleeps(children.back().pid()));
    }
    device.read_burst(4);
    EXPECT_TRUE(eventually([&] { return info(device.control()).taken == 4; }));
}

void handle_nothing(int) {}

// A signal ends the wait with EINTR, even if the handler has SA_RESTART.
TEST_F(Get, SignalEndsTheWaitAndItIsNotRestarted) {
    TestDevice device;
    for (const int flags : {0, SA_RESTART}) {
        Child child([&](ChildSide& side) {
            struct sigaction action {};
            action.sa_handler = handle_nothing;
            action.sa_flags = flags;
            sigaction(SIGUSR1, &action, nullptr);
            userblk_request request = record();
            side.tell();
            return get(device.control(), {&request, 1}, for_ever).error;
        });
        child.await();
        EXPECT_TRUE(eventually_sleeps(child.pid()));
        child.signal(SIGUSR1);
        EXPECT_EQ(child.wait(), EINTR);
    }
}

// A stop and a continuation during the wait may end it, but lose no request.
TEST_F(Get, StopWhileWaitingLosesNothing) {
    TestDevice device;
    Child child([&](ChildSide& side) {
        userblk_request request = record();
        side.tell();
        for (;;) {
            const GetResult result = get(device.control(), {&request, 1}, for_ever);
            if (result.error == EINTR)
                continue;
            if (result.error || !result.count)
                return 1;
            return put(device.control(), complete(request.id, -ENOSPC));
        }
    });
    child.await();
    EXPECT_TRUE(eventually_sleeps(child.pid()));
    child.stop();
    const Io io = device.write(0, Buffer(4096));
    child.resume();
    EXPECT_EQ(child.wait(), 0);
    EXPECT_EQ(io->result(), ENOSPC);
}

// A WRITE's payload is copied exactly if there is room for it.
TEST_F(Get, PayloadOfAWriteComesAlong) {
    TestDevice device;
    const Io io = device.write(64 << 10, pattern(64 << 10, 1));
    Buffer room(65 << 10);
    room.fill(0xcc);
    const userblk_request request = take(device.control(), room.data(), room.size());
    EXPECT_EQ(request.op, USERBLK_OP_WRITE);
    EXPECT_EQ(request.flags, 0u);
    EXPECT_EQ(request.length, 64u << 10);
    EXPECT_EQ(std::memcmp(room.data(), io->data().data(), 64 << 10), 0);
    EXPECT_EQ(room[64 << 10], 0xcc) << "more was written than the payload";
    EXPECT_FALSE(io->finished()) << "acknowledged before the PUT";
    EXPECT_EQ(put(device.control(), complete(request.id)), 0);
    EXPECT_EQ(io->result(), 0);
}

// A payload that does not fit is not copied at all; it can be fetched.
TEST_F(Get, PayloadThatDoesNotFitIsLeftForAFetch) {
    TestDevice device;
    const Io io = device.write(0, pattern(16384, 2));
    Buffer room(16384);
    room.fill(0xcc);
    const userblk_request request = take(device.control(), room.data(), 16383);
    EXPECT_EQ(request.flags, USERBLK_REQ_NO_PAYLOAD);
    EXPECT_TRUE(room.all(0xcc));
    EXPECT_EQ(put(device.control(), fetch(request.id, room.data(), room.size())), 0);
    EXPECT_EQ(room, io->data());
    EXPECT_EQ(put(device.control(), complete(request.id)), 0);
    EXPECT_EQ(io->result(), 0);
}

// A record without an address, and one with an address but no room.
TEST_F(Get, WriteWithoutRoomComesWithoutPayload) {
    TestDevice device;
    device.write(0, Buffer(4096));
    device.write(65536, Buffer(4096));
    EXPECT_EQ(take(device.control()).flags, USERBLK_REQ_NO_PAYLOAD);
    Buffer room(4096);
    EXPECT_EQ(take(device.control(), room.data(), 0).flags, USERBLK_REQ_NO_PAYLOAD);
}

// A READ's record leaves the buffer alone, even one that cannot be accessed.
TEST_F(Get, AddressIsNotUsedForARead) {
    TestDevice device;
    const Io io = device.read(0, 4096);
    const userblk_request request =
        take(device.control(), reinterpret_cast<void*>(bad_address), 4096);
    EXPECT_EQ(request.op, USERBLK_OP_READ);
    EXPECT_EQ(request.result, 0);
}

// The payload is copied to an odd address across a page boundary.
TEST_F(Get, PayloadToAnUnalignedAddress) {
    TestDevice device;
    const Io io = device.write(0, pattern(20480, 3));
    Buffer room(32768);
    take(device.control(), room.data() + 4093, 20480);
    EXPECT_EQ(std::memcmp(room.data() + 4093, io->data().data(), 20480), 0);
    EXPECT_EQ(room[4092], 0);
    EXPECT_EQ(room[4093 + 20480], 0);
}

// A bad address fails its record only; the request meant for it stays queued and goes to the next
// record.
TEST_F(Get, BadAddressFailsItsRecordOnly) {
    TestDevice device;
    const Io io = device.write(0, pattern(4096, 4));
    Buffer room(4096);
    userblk_request records[] = {record(reinterpret_cast<void*>(bad_address), 4096),
                                 record(room.data(), room.size())};
    const GetResult result = get(device.control(), records);
    EXPECT_EQ(result.error, 0);
    ASSERT_EQ(result.count, 2u);
    EXPECT_EQ(records[0].result, -EFAULT);
    EXPECT_EQ(records[1].result, 0);
    EXPECT_EQ(room, io->data());
    EXPECT_EQ(records[1].deliveries, 1u) << "what was not handed out is no delivery";
    EXPECT_EQ(records[1].flags, 0u);
    EXPECT_EQ(put(device.control(), complete(records[1].id)), 0);
    EXPECT_EQ(io->result(), 0);
}

// All addresses are bad: the request stays queued in its position, and poll reports it.
TEST_F(Get, BadAddressLeavesTheRequestQueued) {
    TestDevice device;
    device.write(0, Buffer(4096));
    device.read(65536, 4096);
    EdgeMemory memory(4096);
    // The first half of the payload is writable.
    userblk_request bad = record(memory.before_edge(2048), 4096);
    const GetResult result = get(device.control(), {&bad, 1});
    EXPECT_EQ(result.error, 0);
    EXPECT_EQ(result.count, 1u);
    EXPECT_EQ(bad.result, -EFAULT);
    EXPECT_EQ(info(device.control()).queued, 2u);
    EXPECT_EQ(info(device.control()).taken, 0u);
    EXPECT_TRUE(poll_events(device.control(), POLLIN) & POLLIN);
    EXPECT_EQ(take(device.control()).offset, 0u) << "it lost its place";
}

// Several writes, every other record bad: the good records get them all, though maybe not in one
// call.
TEST_F(Get, GoodRecordsAmongBadOnes) {
    TestDevice device;
    for (std::uint64_t i = 0; i < 3; i++)
        device.write(i << 16, pattern(4096, i));
    Buffer room(3 * 4096);
    std::vector<userblk_request> records;
    for (std::size_t i = 0; i < 3; i++) {
        records.push_back(record(reinterpret_cast<void*>(bad_address), 4096));
        records.push_back(record(room.data() + i * 4096, 4096));
    }
    std::set<std::uint64_t> offsets;
    for (int call = 0; call < 6 && offsets.size() < 3; call++) {
        std::vector<userblk_request> batch = records;
        const GetResult result = get(device.control(), batch);
        ASSERT_EQ(result.error, 0);
        for (std::uint32_t i = 0; i < result.count; i++) {
            EXPECT_TRUE(i % 2 ? !batch[i].result : batch[i].result == -EFAULT) << i;
            if (batch[i].result)
                continue;
            EXPECT_TRUE(offsets.insert(batch[i].offset).second);
            const Buffer wanted = pattern(4096, batch[i].offset >> 16);
            EXPECT_EQ(std::memcmp(reinterpret_cast<void*>(batch[i].addr), wanted.data(), 4096), 0);
        }
    }
    EXPECT_EQ(offsets.size(), 3u);
    EXPECT_EQ(info(device.control()).taken, 3u);
}

// A record with dirty padding fails; the others are used.
TEST_F(Get, DirtyPaddingFailsItsRecordOnly) {
    TestDevice device;
    device.read_many(2);
    std::vector<userblk_request> records(3, record());
    records[0].reserved = 1;
    const GetResult result = get(device.control(), records);
    EXPECT_EQ(result.error, 0);
    ASSERT_EQ(result.count, 3u);
    EXPECT_EQ(records[0].result, -EINVAL);
    EXPECT_EQ(records[1].result, 0);
    EXPECT_EQ(records[2].result, 0);
    EXPECT_EQ(info(device.control()).taken, 2u);
}

// Two hardware queues: a hint makes the named one come first (the other one gets a turn now and
// then, so that it does not starve); when that is empty, GET takes from the other one.
TEST_F(Get, QueueHintIsAHint) {
    USERBLK_REQUIRES_PROCESSORS(2);
    userblk_config config = test_config();
    config.queues = 2;
    TestDevice device(config);
    ASSERT_EQ(device.config().queues, 2u);
    for (unsigned int i = 0; i < 8; i++) {
        OnProcessor at(device.processor_of_queue(i % 2));
        device.read(i << 16, 4096);
    }
    std::vector<userblk_request> taken(8, record());
    for (userblk_request& request : taken) {
        ASSERT_EQ(get(device.control(), {&request, 1}, a_while, 0, 1).count, 1u);
        EXPECT_EQ(USERBLK_ID_QUEUE(request.id), request.queue);
        EXPECT_EQ(request.queue, request.offset >> 16 & 1);
    }
    const auto hinted = [](const userblk_request& request) { return request.queue == 1; };
    EXPECT_GE(std::count_if(taken.begin(), taken.begin() + 4, hinted), 3);
    EXPECT_EQ(std::count_if(taken.begin(), taken.end(), hinted), 4);
}

// Without a hint GET takes from all queues.
TEST_F(Get, AllQueuesAreServedWithoutAHint) {
    USERBLK_REQUIRES_PROCESSORS(2);
    userblk_config config = test_config();
    config.queues = 2;
    TestDevice device(config);
    for (unsigned int i = 0; i < 6; i++) {
        OnProcessor at(i % 2);
        device.read(i << 16, 4096);
    }
    std::set<std::uint64_t> offsets;
    while (offsets.size() < 6) {
        const std::vector<userblk_request> batch = take_up_to(device.control(), 8);
        ASSERT_FALSE(batch.empty());
        for (const userblk_request& request : batch)
            EXPECT_TRUE(offsets.insert(request.offset).second);
    }
}

// A read-only descriptor works as well: what counts is the permission to open the node.
TEST_F(Get, SeveralDescriptorsAreAlike) {
    TestDevice device;
    const Fd one = device.open_control(), two = device.open_control();
    const Io io = device.read(0, 4096);
    const userblk_request request = take(one.get());
    EXPECT_EQ(put(two.get(), complete(request.id, -EIO)), 0);
    EXPECT_EQ(io->result(), EIO);
}

// The first GET changes the device's state.
TEST_F(Get, FirstOneMakesTheDeviceServed) {
    TestDevice device(test_config(), TestDevice::Begin::not_served);
    EXPECT_EQ(info(device.control()).state, USERBLK_STATE_NEW);
    userblk_request request = record();
    EXPECT_EQ(get(device.control(), {&request, 1}).count, 0u);
    EXPECT_EQ(info(device.control()).state, USERBLK_STATE_SERVED);
}

} // namespace userblk::test
