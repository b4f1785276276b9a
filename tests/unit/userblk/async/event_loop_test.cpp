// SPDX-License-Identifier: MIT
#include "userblk/event_loop.hpp"

#include "ioctl/error.hpp"
#include "ioctl/file_descriptor.hpp"
#include "tests/support/allocations.hpp"

#include <array>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace userblk {
namespace {

using namespace std::chrono_literals;
using test::allocations_of_thread;

struct Pipe {
    Pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
            abi::throw_errno("create a pipe");
        read.reset(ends[0]);
        write.reset(ends[1]);
    }
    void fill(const std::string& text) const {
        EXPECT_EQ(::write(write.get(), text.data(), text.size()),
                  static_cast<ssize_t>(text.size()));
    }
    abi::FileDescriptor read, write;
};

class EventLoops : public testing::Test {
protected:
    // Starts the task, in a slot that lives as long as the test, and runs the loop to its end.
    template <class Result>
    Result run(Task<Result> task) {
        if (!task.start([](void*) noexcept {}, nullptr))
            while (!task.ended())
                loop.wait();
        return task.result();
    }

    Slot slot;
    EventLoop loop;
};

// A coroutine that waits for a descriptor goes on when there is something to read, with the events
// that came.
TEST_F(EventLoops, WaitForDescriptors) {
    const Pipe pipe;
    const auto read = [](Slot&, EventLoop& on, int fd) -> Task<std::string> {
        std::array<char, 16> text{};
        const short events = co_await on.readable(fd);
        if ((events & POLLIN) == 0)
            co_return "no data";
        const auto length = ::read(fd, text.data(), text.size());
        co_return std::string(text.data(), static_cast<std::size_t>(length));
    };
    auto task = read(slot, loop, pipe.read.get());
    EXPECT_FALSE(task.start([](void*) noexcept {}, nullptr));
    loop.wait(EventLoop::Clock::now()); // there is nothing yet
    EXPECT_FALSE(task.ended());
    pipe.fill("hello");
    loop.wait();
    ASSERT_TRUE(task.ended());
    EXPECT_EQ(task.result(), "hello");
    const auto write = [](Slot&, EventLoop& on, int fd) -> Task<short> {
        co_return co_await on.writable(fd);
    };
    EXPECT_EQ(run(write(slot, loop, pipe.write.get())), POLLOUT);
}

// A wait with a limit returns nothing when that has come, and is over then.
TEST_F(EventLoops, WaitForDescriptorsUpToALimit) {
    const Pipe pipe;
    const auto wait = [](Slot&, EventLoop& on, int fd) -> Task<short> {
        const auto limit = EventLoop::Clock::now() + 1ms;
        co_return co_await on.ready(fd, POLLIN, limit);
    };
    EXPECT_EQ(run(wait(slot, loop, pipe.read.get())), 0);
    pipe.fill("late");
    loop.wait(EventLoop::Clock::now());
    EXPECT_EQ(run(wait(slot, loop, pipe.read.get())), POLLIN);
}

// Whoever hung up is reported even to one who waits for data.
TEST_F(EventLoops, ReportErrorsOfDescriptors) {
    Pipe pipe;
    pipe.write.reset();
    const auto wait = [](Slot&, EventLoop& on, int fd) -> Task<short> {
        co_return co_await on.readable(fd);
    };
    EXPECT_NE(run(wait(slot, loop, pipe.read.get())) & POLLHUP, 0);
}

// Sleepers wake in the order of their times, whatever order they began in.
TEST_F(EventLoops, WakeSleepersInOrder) {
    std::string order;
    const auto begin = EventLoop::Clock::now();
    const auto sleep = [&](int time) {
        loop.spawn([&, time](Slot&) -> Task<void> {
            co_await loop.sleep_until(begin + time * 1ms);
            EXPECT_GE(EventLoop::Clock::now(), begin + time * 1ms);
            order += std::to_string(time);
        });
    };
    for (const int time : {3, 1, 5, 2, 4, 0})
        sleep(time);
    EXPECT_TRUE(order.empty());
    while (order.size() < 6)
        loop.wait();
    EXPECT_EQ(order, "012345");
}

// A completion counts whether it comes before it is awaited or after, in this thread or in another.
TEST_F(EventLoops, TakeCompletionsFromAnyThread) {
    const auto broken = std::make_error_code(std::errc::broken_pipe);
    const auto await_one = [](Slot&, Completion& completion) -> Task<> {
        co_return co_await completion;
    };
    Completion early(loop);
    early.complete(broken);
    EXPECT_EQ(run(await_one(slot, early)), broken);

    Completion later(loop);
    auto task = await_one(slot, later);
    EXPECT_FALSE(task.start([](void*) noexcept {}, nullptr));
    later.complete(broken);
    EXPECT_FALSE(task.ended()) << "resumed within complete()";
    loop.run();
    ASSERT_TRUE(task.ended());

    Completion foreign(loop);
    std::thread thread([&] { foreign.complete(broken); });
    EXPECT_EQ(run(await_one(slot, foreign)), broken);
    thread.join();

    Completion finished(loop); // by a thread that is gone when it is awaited
    std::thread([&] { finished.complete(broken); }).join();
    EXPECT_EQ(run(await_one(slot, finished)), broken);
}

// Several threads complete many operations at once; each is resumed once, in the loop's thread.
TEST_F(EventLoops, LoseNoCompletionOfManyThreads) {
    constexpr int threads = 3, each = 2000;
    const auto owner = std::this_thread::get_id();
    std::vector<std::unique_ptr<Completion>> completions;
    int resumed = 0;
    for (int i = 0; i < threads * each; ++i) {
        completions.push_back(std::make_unique<Completion>(loop));
        loop.spawn([&, one = completions.back().get()](Slot&) -> Task<void> {
            const auto error = co_await *one;
            EXPECT_FALSE(error);
            EXPECT_EQ(std::this_thread::get_id(), owner);
            ++resumed;
        });
    }
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t)
        all.emplace_back([&, t] {
            for (int i = t; i < threads * each; i += threads)
                completions[static_cast<std::size_t>(i)]->complete();
        });
    while (resumed < threads * each)
        loop.wait();
    for (auto& thread : all)
        thread.join();
    EXPECT_EQ(resumed, threads * each);
}

// wake() ends a wait without anything to wait for, even if it comes before.
TEST_F(EventLoops, AreWoken) {
    loop.wake();
    loop.wait();
    std::thread thread([&] { loop.wake(); });
    loop.wait();
    thread.join();
}

// A coroutine of spawn() is removed at its end, keeps its captures until then, and its exception
// ends the loop. One that still waits goes with the loop.
TEST_F(EventLoops, KeepTheirOwnCoroutines) {
    const auto held = std::make_shared<int>(1);
    loop.spawn([this, held](Slot&) -> Task<void> {
        co_await loop.sleep_for(1ms);
        EXPECT_EQ(*held, 1);
    });
    EXPECT_EQ(held.use_count(), 2);
    while (held.use_count() > 1)
        loop.wait();
    loop.spawn([this](Slot&) -> Task<void> {
        co_await loop.sleep_for(1ms);
        throw std::runtime_error("lost");
    });
    EXPECT_THROW(for (;;) loop.wait(), std::runtime_error);
    EventLoop other;
    other.spawn([&other, held](Slot&) -> Task<void> {
        const auto copy = held;
        co_await other.sleep_for(24h);
    });
}

// Watches may be changed and destroyed while others of the same wait are called.
TEST_F(EventLoops, CallWatches) {
    class Counter : public Watch {
    public:
        using Watch::Watch;
        int calls = 0;
        std::unique_ptr<Counter>* victim = nullptr;

    private:
        void on_ready(short events) override {
            EXPECT_EQ(events, POLLIN);
            ++calls;
            if (victim != nullptr)
                victim->reset();
        }
    };
    const Pipe pipe;
    pipe.fill("x");
    Counter first(loop, pipe.read.get());
    auto second = std::make_unique<Counter>(loop, pipe.read.get());
    Counter third(loop, pipe.read.get());
    first.victim = &second;
    for (auto* const watch : {&first, second.get(), &third})
        watch->want(POLLIN);
    loop.wait();
    EXPECT_EQ(first.calls, 1);
    EXPECT_EQ(second, nullptr);
    EXPECT_EQ(third.calls, 1);
    third.want(0);
    loop.wait();
    EXPECT_EQ(first.calls, 2);
    EXPECT_EQ(third.calls, 1);
}

// An operation that waits for a descriptor, a time and a completion allocates nothing once the loop
// and its slot are warm.
TEST_F(EventLoops, AllocateNothingOnceWarm) {
    const Pipe pipe;
    pipe.fill("x");
    const auto operation = [](Slot&, EventLoop& on, int fd) -> Task<> {
        const short events = co_await on.readable(fd);
        if (events != POLLIN)
            co_return std::make_error_code(std::errc::io_error);
        co_await on.sleep_for(1us);
        Completion done(on);
        done.complete();
        co_return co_await done;
    };
    std::uint64_t before = 0;
    for (int i = 0; i < 100; ++i) {
        if (i == 1)
            before = allocations_of_thread();
        EXPECT_FALSE(run(operation(slot, loop, pipe.read.get())));
    }
    EXPECT_EQ(allocations_of_thread() - before, 0U);
}

} // namespace
} // namespace userblk
