// SPDX-License-Identifier: MIT
//
// poll on a control node: POLLIN while requests are queued, POLLPRI while dead takers hold some,
// POLLHUP and POLLERR once the device is removed.
#include <sys/epoll.h>

#include "tests/support/kernel_test.hpp"

namespace userblk::test {

class Poll : public KernelTest {};

constexpr short everything = POLLIN | POLLPRI | POLLRDNORM;

TEST_F(Poll, ReportsNothingAtFirst) {
    TestDevice device;
    EXPECT_EQ(poll_events(device.control(), everything), 0);
}

TEST_F(Poll, QueuedRequestIsReported) {
    TestDevice device;
    device.read(0, 4096);
    EXPECT_EQ(poll_events(device.control(), POLLIN), POLLIN);
    EXPECT_EQ(poll_events(device.open_control().get(), POLLIN), POLLIN);
}

// A taken request is no work for others, on any descriptor.
TEST_F(Poll, TakenRequestIsNotReported) {
    TestDevice device;
    device.read(0, 4096);
    const userblk_request request = take(device.control());
    EXPECT_EQ(poll_events(device.control(), everything), 0);
    EXPECT_EQ(poll_events(device.open_control().get(), everything), 0);
    EXPECT_EQ(put(device.control(), give_back(request.id)), 0);
    EXPECT_EQ(poll_events(device.control(), POLLIN), POLLIN);
    take(device.control());
    EXPECT_EQ(poll_events(device.control(), everything), 0);
    reset_all(device.control());
    EXPECT_EQ(poll_events(device.control(), POLLIN), POLLIN);
}

// Some of several requests are taken: the rest is reported.
TEST_F(Poll, IsReadyUntilTheLastIsTaken) {
    TestDevice device;
    device.read_many(3);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(poll_events(device.control(), POLLIN), POLLIN);
        take(device.control());
    }
    EXPECT_EQ(poll_events(device.control(), POLLIN), 0);
}

// A process sleeps in poll and a request comes.
TEST_F(Poll, SleeperIsWokenByARequest) {
    TestDevice device;
    Child child([&](ChildSide& side) {
        side.tell();
        return poll_events(device.control(), POLLIN | POLLPRI, -1) == POLLIN ? 0 : 1;
    });
    child.await();
    EXPECT_TRUE(eventually_sleeps(child.pid()));
    device.read(0, 4096);
    EXPECT_EQ(child.wait(), 0);
}

// Two processes poll; one leaves when woken without taking anything (it may just have been killed):
// the other one is notified.
TEST_F(Poll, AllSleepersAreServedThoughOneTakesNothing) {
    TestDevice device;
    const auto body = [&](ChildSide& side) {
        side.tell();
        return poll_events(device.control(), POLLIN, -1) == POLLIN ? 0 : 1;
    };
    Child first(body), second(body);
    for (Child* child : {&first, &second}) {
        child->await();
        EXPECT_TRUE(eventually_sleeps(child->pid()));
    }
    device.read(0, 4096);
    EXPECT_EQ(first.wait(), 0);
    EXPECT_EQ(second.wait(), 0);
}

// An edge-triggered epoll: each new request is an edge.
TEST_F(Poll, EdgesAreReported) {
    TestDevice device;
    const Fd set(epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    ASSERT_EQ(epoll_ctl(set.get(), EPOLL_CTL_ADD, device.control(), &event), 0);
    const auto limit = static_cast<int>(patience.count());
    for (std::uint64_t i = 0; i < 3; i++) {
        device.read(i << 16, 4096);
        ASSERT_EQ(epoll_wait(set.get(), &event, 1, limit), 1);
        EXPECT_EQ(event.events, std::uint32_t{EPOLLIN});
        take(device.control());
        EXPECT_EQ(epoll_wait(set.get(), &event, 1, 0), 0);
    }
}

// The same with exclusive waiters in epoll.
TEST_F(Poll, ExclusiveWaitersAreAllServed) {
    TestDevice device;
    std::vector<Child> children;
    for (int i = 0; i < 3; i++)
        children.emplace_back([&](ChildSide& side) {
            const Fd fd = device.open_control();
            const Fd set(epoll_create1(EPOLL_CLOEXEC));
            epoll_event event{};
            event.events = EPOLLIN | EPOLLEXCLUSIVE;
            epoll_ctl(set.get(), EPOLL_CTL_ADD, fd.get(), &event);
            side.tell();
            for (;;) {
                userblk_request request = record();
                epoll_wait(set.get(), &event, 1, -1);
                if (get(fd.get(), {&request, 1}).count)
                    return put(fd.get(), complete(request.id, -ENOSPC));
            }
        });
    for (Child& child : children) {
        child.await();
        EXPECT_TRUE(eventually_sleeps(child.pid()));
    }
    for (std::uint64_t i = 0; i < children.size(); i++)
        EXPECT_EQ(device.read(i << 16, 4096)->result(), ENOSPC);
    for (Child& child : children)
        EXPECT_EQ(child.wait(), 0);
}

// The device is removed while a process sleeps in poll.
TEST_F(Poll, SleeperIsWokenByRemoval) {
    TestDevice device;
    Child child([&](ChildSide& side) {
        side.tell();
        const short events = poll_events(device.control(), everything, -1);
        return (events & (POLLHUP | POLLERR)) == (POLLHUP | POLLERR) ? 0 : 1;
    });
    child.await();
    EXPECT_TRUE(eventually_sleeps(child.pid()));
    EXPECT_EQ(device.remove(), 0);
    EXPECT_EQ(child.wait(), 0);
    EXPECT_EQ(poll_events(device.control(), 0), POLLHUP | POLLERR);
}

} // namespace userblk::test
