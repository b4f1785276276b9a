// SPDX-License-Identifier: MIT
//
// WAKE: ends waits inside GET and SERVE on the same open file, those that are about to begin too.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>

#include <sys/ioctl.h>

#include "tests/support/kernel_test.hpp"

namespace userblk::test {

class Wake : public KernelTest {
protected:
    static constexpr std::int64_t a_moment = 1'000'000;

    TestDevice device;

    static int woken_by(userblk_wake argument, int fd) {
        return ioctl_error(fd, USERBLK_WAKE, &argument);
    }
    static void wake(int fd, std::uint32_t count = 1) { EXPECT_EQ(woken_by({count, 0}, fd), 0); }

    // A process that waits on an open file of this one. It exits with the flags that GET returned.
    static Child waiter(int fd, std::uint32_t queue = USERBLK_ANY_QUEUE) {
        Child child([=](ChildSide& side) {
            userblk_request request = record();
            side.tell();
            const GetResult result = get(fd, {&request, 1}, for_ever, 0, queue);
            if (result.error || result.count)
                return 90;
            return static_cast<int>(result.flags);
        });
        child.await();
        EXPECT_TRUE(eventually_sleeps(child.pid()));
        return child;
    }
    static std::size_t living(const std::vector<Child>& children) {
        return static_cast<std::size_t>(
            std::count_if(children.begin(), children.end(),
                          [](const Child& child) { return lives(child.pid()); }));
    }
    // A wait that begins now ends with these flags; 0: by its timeout.
    static void expect_wait_ends(int fd, std::uint32_t flags) {
        userblk_request request = record();
        const GetResult result = get(fd, {&request, 1}, flags ? for_ever : a_moment);
        EXPECT_EQ(result.error, 0);
        EXPECT_EQ(result.count, 0u);
        EXPECT_EQ(result.flags, flags);
    }
};

// A process sleeps in GET, and there are no requests. A WAKE on its open file ends that, and the
// flag says why. The next wait is not affected.
TEST_F(Wake, EndsAWaitInGet) {
    Child child = waiter(device.control());
    wake(device.control());
    EXPECT_EQ(child.wait(), static_cast<int>(USERBLK_GET_WOKEN));
    expect_wait_ends(device.control(), 0);
}

// The same in SERVE, whose answer has been carried out by then.
TEST_F(Wake, EndsAWaitInServe) {
    const Io io = device.read(0, 4096);
    const userblk_request taken = take(device.control());
    wake(device.control());
    userblk_answer answer = complete(taken.id, -ENOSPC);
    userblk_request next = record();
    userblk_serve argument = serve_argument({&answer, 1}, {&next, 1}, for_ever);
    EXPECT_EQ(serve(device.control(), argument), 0);
    EXPECT_EQ(argument.put.failed, 0u);
    EXPECT_EQ(argument.get.count, 0u);
    EXPECT_EQ(argument.get.flags, USERBLK_GET_WOKEN);
    EXPECT_EQ(io->result(), ENOSPC);
}

// It comes before the wait begins: that wait ends at once, and no other.
TEST_F(Wake, IsNotLostBeforeTheWait) {
    wake(device.control());
    expect_wait_ends(device.control(), USERBLK_GET_WOKEN);
    expect_wait_ends(device.control(), 0);
}

// Three of them before a wait end one wait, as with an eventfd.
TEST_F(Wake, DoesNotAddUp) {
    for (int i = 0; i < 3; i++)
        wake(device.control());
    expect_wait_ends(device.control(), USERBLK_GET_WOKEN);
    expect_wait_ends(device.control(), 0);
}

// A call that finds a request, and one that would not wait, use up nothing.
TEST_F(Wake, IsKeptByCallsThatDoNotWait) {
    device.read(0, 4096);
    wake(device.control());
    userblk_request request = record();
    GetResult result = get(device.control(), {&request, 1}, for_ever);
    EXPECT_EQ(result.count, 1u);
    EXPECT_EQ(result.flags, 0u);
    result = get(device.control(), {&request, 1}, no_wait);
    EXPECT_EQ(result.count, 0u);
    EXPECT_EQ(result.flags, 0u);
    expect_wait_ends(device.control(), USERBLK_GET_WOKEN);
}

// Threads with open files of their own are woken alone: the others sleep on, and get requests.
TEST_F(Wake, LeavesOtherOpenFilesAlone) {
    const Fd other = device.open_control();
    Child one = waiter(device.control());
    Child another = waiter(other.get());
    wake(device.control());
    EXPECT_EQ(one.wait(), static_cast<int>(USERBLK_GET_WOKEN));
    EXPECT_TRUE(eventually_sleeps(another.pid()));
    wake(other.get());
    EXPECT_EQ(another.wait(), static_cast<int>(USERBLK_GET_WOKEN));
}

// Several threads wait on one open file, at several hardware queues. A count ends as many waits;
// the rest sleeps on.
TEST_F(Wake, EndsAsManyWaitsAsItSays) {
    userblk_config config = test_config();
    config.queues = processors();
    TestDevice wide(config);
    std::vector<Child> children;
    for (std::uint32_t i = 0; i < 4; i++)
        children.push_back(waiter(wide.control(), i % wide.config().queues));
    wake(wide.control(), 3);
    EXPECT_TRUE(eventually([&] { return living(children) == 1; }));
    const auto left = std::find_if(children.begin(), children.end(),
                                   [](const Child& child) { return lives(child.pid()); });
    ASSERT_NE(left, children.end());
    EXPECT_TRUE(eventually_sleeps(left->pid()));
    wake(wide.control());
    for (Child& child : children)
        EXPECT_EQ(child.wait(), static_cast<int>(USERBLK_GET_WOKEN));
}

// For a worker that stops: all waits end, also those that begin later, until it is taken back.
TEST_F(Wake, OfAllEndsLaterWaitsToo) {
    std::vector<Child> children;
    for (int i = 0; i < 3; i++)
        children.push_back(waiter(device.control()));
    wake(device.control(), USERBLK_WAKE_ALL);
    for (Child& child : children)
        EXPECT_EQ(child.wait(), static_cast<int>(USERBLK_GET_WOKEN));
    for (int i = 0; i < 3; i++)
        expect_wait_ends(device.control(), USERBLK_GET_WOKEN);
    wake(device.control(), 0);
    expect_wait_ends(device.control(), 0);
}

// A signal handler ends the wait of another thread.
TEST_F(Wake, WorksInASignalHandler) {
    static int node;
    node = device.control();
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = [](int) {
        userblk_wake argument{USERBLK_WAKE_ALL, 0};
        ::ioctl(node, USERBLK_WAKE, &argument);
    };
    ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
    std::atomic<pid_t> id = 0;
    std::uint32_t flags = 0;
    std::thread thread([&] {
        userblk_request request = record();
        id = thread_id();
        flags = get(node, {&request, 1}, a_while).flags;
    });
    EXPECT_TRUE(eventually([&] { return id != 0; }));
    EXPECT_TRUE(eventually_sleeps(id));
    ::raise(SIGUSR1);
    thread.join();
    EXPECT_EQ(flags, USERBLK_GET_WOKEN);
    ::sigaction(SIGUSR1, &before, nullptr);
}

// Pollers have other means.
TEST_F(Wake, IsNoEventOfPoll) {
    wake(device.control());
    EXPECT_EQ(poll_events(device.control(), 0x7fff & ~(POLLHUP | POLLERR)), 0);
}

TEST_F(Wake, RefusesWhatItDoesNotKnow) {
    EXPECT_EQ(woken_by({1, 1}, device.control()), EINVAL);
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_WAKE, reinterpret_cast<void*>(bad_address)),
              EFAULT);
    const Fd readable = open_file(device.control_path(), O_RDONLY);
    EXPECT_EQ(woken_by({1, 0}, readable.get()), EBADF);
    expect_wait_ends(device.control(), 0);
    EXPECT_EQ(device.remove(), 0);
    EXPECT_EQ(woken_by({1, 0}, device.control()), ENODEV);
}

// Foreign threads leave messages for one thread, which sleeps whenever it has seen all of them.
// Each message is followed by a WAKE, and none is overlooked: a lost one would leave the thread
// asleep.
TEST_F(Wake, RacesWithTheBeginningOfTheWait) {
    constexpr std::uint64_t messages = 5'000;
    std::atomic<std::uint64_t> sent = 0, seen = 0, slept = 0;
    std::atomic<bool> failed = false;
    std::thread reader([&] {
        userblk_request request = record();
        while (seen < messages && !failed) {
            seen = sent.load();
            if (seen == messages)
                break;
            const GetResult result = get(device.control(), {&request, 1}, a_while);
            failed = failed || result.error || !(result.flags & USERBLK_GET_WOKEN);
            slept++;
        }
    });
    std::vector<std::thread> senders;
    for (int i = 0; i < 2; i++)
        senders.emplace_back([&] {
            while (sent < messages && !failed) {
                std::uint64_t now = sent;
                // Two messages ahead of the reader at most, so that it sleeps now and then.
                if (now > seen + 1 || now >= messages ||
                    !sent.compare_exchange_strong(now, now + 1)) {
                    std::this_thread::yield();
                    continue;
                }
                userblk_wake argument{1, 0};
                if (::ioctl(device.control(), USERBLK_WAKE, &argument))
                    failed = true;
            }
        });
    for (std::thread& sender : senders)
        sender.join();
    reader.join();
    EXPECT_FALSE(failed) << "a wait ended by its timeout after " << seen << " messages";
    EXPECT_EQ(seen, messages);
    EXPECT_GT(slept, 0u);
}

} // namespace userblk::test
