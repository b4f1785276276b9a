// SPDX-License-Identifier: MIT
//
// The store class of a device: what a RESET of the dead demands beyond their death.
#include <chrono>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "tests/support/kernel_test.hpp"

namespace userblk::test {

class StoreClass : public KernelTest {
protected:
    using Clock = std::chrono::steady_clock;

    static userblk_config of_class(std::uint32_t store_class, std::uint64_t wait_ns = 0) {
        userblk_config config = test_config();
        config.store_class = store_class;
        config.store_wait_ns = wait_ns;
        return config;
    }
    // A process that takes one request and keeps it.
    static Child holder(const TestDevice& device) {
        Child child([&](ChildSide& side) -> int {
            const Fd fd = device.open_control();
            side.tell(take(fd.get()).id);
            side.sleep_for_ever();
        });
        return child;
    }
    // One that is dead by now. Returns the id of what it held.
    static std::uint64_t hold_and_die(const TestDevice& device) {
        Child child = holder(device);
        const std::uint64_t id = child.await();
        child.kill();
        return id;
    }
    static ResetResult reset_with(int fd, std::uint32_t which, std::uint32_t flags,
                                  std::uint64_t id = 0, std::uint64_t age = 0, int pid = 0) {
        return reset(fd, {id, age, which, pid, flags, 0});
    }
    static void expect_put_back(const ResetResult& result) {
        EXPECT_EQ(result.error, 0) << std::strerror(result.error);
        EXPECT_EQ(result.count, 1u);
    }
    // Nothing was put back, and a RESET is still due.
    static void expect_held_by_the_dead(const TestDevice& device) {
        EXPECT_EQ(info(device.control()).queued, 0u);
        EXPECT_EQ(info(device.control()).orphaned, 1u);
        EXPECT_EQ(poll_events(device.control(), POLLPRI), POLLPRI);
    }
    static void expect_redelivered(const TestDevice& device, const Io& io) {
        const userblk_request request = take(device.control());
        EXPECT_EQ(request.deliveries, 2u);
        EXPECT_EQ(put(device.control(), complete(request.id, -ENOSPC)), 0);
        EXPECT_EQ(io->result(), ENOSPC);
    }
};

// INFO, LIST and sysfs report the class; a device that names none has the first.
TEST_F(StoreClass, IsReported) {
    const char* names[] = {"process", "fenced", "unfenced"};
    for (const std::uint32_t store_class :
         {USERBLK_STORE_PROCESS, USERBLK_STORE_FENCED, USERBLK_STORE_UNFENCED}) {
        const std::uint64_t wait =
            store_class == USERBLK_STORE_UNFENCED ? std::uint64_t(2'500'000'000) : 0;
        TestDevice device(of_class(store_class, wait));
        const userblk_info state = info(device.control());
        EXPECT_TRUE(state.features & USERBLK_FEATURE_STORE_CLASS);
        EXPECT_EQ(state.config.store_class, store_class);
        EXPECT_EQ(state.config.store_wait_ns, wait);
        EXPECT_EQ(list_devices().at(0).store_class, store_class);
        EXPECT_EQ(device.sysfs("userblk/store_class"), names[store_class]);
        EXPECT_EQ(device.sysfs("userblk/store_wait_ms"), wait ? "2500" : "0");
    }
}

// The writes end with the process: a RESET needs no flag, and none changes anything.
TEST_F(StoreClass, OfProcessNeedsNoFlag) {
    for (const std::uint32_t flags : {0u, USERBLK_RESET_FENCED, USERBLK_RESET_FORCED,
                                      USERBLK_RESET_FENCED | USERBLK_RESET_FORCED}) {
        TestDevice device;
        const Io io = device.read(0, 4096);
        hold_and_die(device);
        expect_put_back(reset_with(device.control(), USERBLK_RESET_DEAD, flags));
        expect_redelivered(device, io);
    }
}

// A healer that does not know whether the store was fenced gets an error of its own, whichever way
// it selects the request, and nothing happens.
TEST_F(StoreClass, OfFencedRefusesAnUnfencedReset) {
    TestDevice device(of_class(USERBLK_STORE_FENCED));
    const Io io = device.read(0, 4096);
    Child child = holder(device);
    const std::uint64_t id = child.await();
    const pid_t pid = child.pid();
    child.kill();
    const int fd = device.control();
    EXPECT_EQ(reset_with(fd, USERBLK_RESET_DEAD, 0).error, EOWNERDEAD);
    EXPECT_EQ(reset_with(fd, USERBLK_RESET_ALL, 0).error, EOWNERDEAD);
    EXPECT_EQ(reset_with(fd, USERBLK_RESET_OLDER, 0).error, EOWNERDEAD);
    EXPECT_EQ(reset_with(fd, USERBLK_RESET_ID, 0, id).error, EOWNERDEAD);
    EXPECT_EQ(reset_with(fd, USERBLK_RESET_PID, 0, 0, 0, pid).error, EOWNERDEAD);
    expect_held_by_the_dead(device);
    EXPECT_EQ(info(fd).resets, 0u);
    expect_put_back(reset_with(fd, USERBLK_RESET_DEAD, USERBLK_RESET_FENCED));
    expect_redelivered(device, io);
}

// A healer puts back what it has fenced, by id: others may have died meanwhile.
TEST_F(StoreClass, OfFencedGoesByIdToo) {
    TestDevice device(of_class(USERBLK_STORE_FENCED));
    const std::vector<Io> ios = device.read_many(2);
    const std::uint64_t first = hold_and_die(device);
    hold_and_die(device);
    expect_put_back(reset_with(device.control(), USERBLK_RESET_ID, USERBLK_RESET_FENCED, first));
    EXPECT_EQ(info(device.control()).orphaned, 1u);
    expect_redelivered(device, ios[0]);
    expect_put_back(reset_with(device.control(), USERBLK_RESET_DEAD, USERBLK_RESET_FORCED));
    expect_redelivered(device, ios[1]);
}

// A store that cannot be fenced: nobody can claim that it was. A person answers for it.
TEST_F(StoreClass, OfUnfencedWantsForce) {
    TestDevice device(of_class(USERBLK_STORE_UNFENCED));
    const Io io = device.read(0, 4096);
    hold_and_die(device);
    const int fd = device.control();
    EXPECT_EQ(reset_with(fd, USERBLK_RESET_DEAD, 0).error, EOWNERDEAD);
    EXPECT_EQ(reset_with(fd, USERBLK_RESET_DEAD, USERBLK_RESET_FENCED).error, EOWNERDEAD);
    expect_held_by_the_dead(device);
    expect_put_back(reset_with(fd, USERBLK_RESET_DEAD, USERBLK_RESET_FORCED));
    expect_redelivered(device, io);
}

// With a waiting time a RESET without flags succeeds after it, and not before.
TEST_F(StoreClass, OfUnfencedWaits) {
    constexpr std::chrono::nanoseconds wait = std::chrono::milliseconds(300);
    TestDevice device(of_class(USERBLK_STORE_UNFENCED, wait.count()));
    const Io io = device.read(0, 4096);
    const auto before = Clock::now();
    hold_and_die(device);
    ResetResult result{};
    EXPECT_TRUE(eventually([&] {
        result = reset_dead(device.control());
        EXPECT_TRUE(result.error == 0 || result.error == EOWNERDEAD);
        return result.error == 0;
    }));
    EXPECT_GE(Clock::now() - before, wait);
    expect_put_back(result);
    expect_redelivered(device, io);
}

// The time counts for each of the dead, and INFO says how much of it has passed.
TEST_F(StoreClass, OfUnfencedWaitsForEach) {
    TestDevice device(of_class(USERBLK_STORE_UNFENCED, 3'600'000'000'000));
    device.read(0, 4096);
    hold_and_die(device);
    EXPECT_EQ(reset_dead(device.control()).error, EOWNERDEAD);
    EXPECT_TRUE(eventually([&] { return taken_list(device.control()).at(0).dead_ns > 0; }));
    const std::uint64_t dead = taken_list(device.control()).at(0).dead_ns;
    EXPECT_TRUE(eventually([&] { return taken_list(device.control()).at(0).dead_ns > dead; }));
    expect_held_by_the_dead(device);
}

// An image that was left by exec, unnoticed because the descriptors stay open: the first RESET
// notices, and the time counts from there.
TEST_F(StoreClass, OfUnfencedWaitsAfterAnExecToo) {
    TestDevice device(of_class(USERBLK_STORE_UNFENCED, 100'000'000));
    const Io io = device.read(0, 4096);
    Child child([&](ChildSide& side) -> int {
        const Fd fd = device.open_control();
        take(fd.get());
        for (const int open : {fd.get(), device.control()})
            ::fcntl(open, F_SETFD, 0);
        side.tell();
        ::execlp("sleep", "sleep", "1000", nullptr);
        return 1;
    });
    child.await();
    EXPECT_TRUE(eventually([&] { return info(device.control()).orphaned == 1; }));
    EXPECT_EQ(reset_dead(device.control()).error, EOWNERDEAD);
    EXPECT_TRUE(eventually([&] { return reset_dead(device.control()).count == 1; }));
    expect_redelivered(device, io);
}

// What the living give back is their own affair; that others put back what they hold is not.
TEST_F(StoreClass, LeavesTheLivingAlone) {
    TestDevice device(of_class(USERBLK_STORE_FENCED));
    const Io io = device.read(0, 4096);
    EXPECT_EQ(reset_dead(device.control()).error, 0) << "nothing to put back";
    const std::uint64_t id = take(device.control()).id;
    EXPECT_EQ(reset_dead(device.control()).error, 0);
    EXPECT_EQ(reset_all(device.control()).error, EOWNERDEAD);
    EXPECT_EQ(reset_pid(device.control(), getpid()).error, EOWNERDEAD);
    EXPECT_EQ(put(device.control(), give_back(id)), 0);
    expect_redelivered(device, io);
}

// A living process can neither give back nor adopt what a dead one holds: either would have it
// carried out again without a fence. It can answer it.
TEST_F(StoreClass, HasNoOtherWayRound) {
    TestDevice device(of_class(USERBLK_STORE_FENCED));
    const Io io = device.read(0, 4096);
    const std::uint64_t id = hold_and_die(device);
    EXPECT_EQ(put(device.control(), give_back(id)), EOWNERDEAD);
    EXPECT_EQ(put(device.control(), adopt(id)), EOWNERDEAD);
    expect_held_by_the_dead(device);
    EXPECT_EQ(put(device.control(), complete(id, -ENOSPC)), 0);
    EXPECT_EQ(io->result(), ENOSPC);
}

// Removal does not depend on it.
TEST_F(StoreClass, HoldsUpNoRemoval) {
    TestDevice device(of_class(USERBLK_STORE_UNFENCED));
    const Io io = device.read(0, 4096);
    hold_and_die(device);
    EXPECT_EQ(device.remove(), 0);
    EXPECT_EQ(io->result(), EIO);
}

} // namespace userblk::test
