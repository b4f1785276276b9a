// SPDX-License-Identifier: MIT
#include "userblk/worker/wait_interrupter.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <poll.h>
#include <thread>
#include <unistd.h>

namespace userblk {
namespace {

// A wait that a signal ends even with SA_RESTART, like SERVE.
int wait_in_poll() {
    return ::poll(nullptr, 0, 60'000) < 0 ? errno : 0;
}

sighandler_t handler() {
    struct sigaction found {};
    ::sigaction(InterruptSignal::number, nullptr, &found);
    return found.sa_handler;
}

bool is_blocked() {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return ::sigismember(&mask, InterruptSignal::number) == 1;
}

// The interruption comes before the thread waits, when a single signal would be lost.
TEST(WaitInterrupter, BreaksAWaitThatBeginsLater) {
    const InterruptSignal signal;
    WaitInterrupter breaker;
    ASSERT_FALSE(breaker.attach());
    breaker.start();
    EXPECT_EQ(wait_in_poll(), EINTR);
    EXPECT_EQ(wait_in_poll(), EINTR) << "each wait is interrupted";
    breaker.end();
}

// A signal handler on one thread interrupts another thread's wait.
TEST(WaitInterrupter, IsAskedInASignalHandler) {
    const InterruptSignal signal;
    static WaitInterrupter* asked;
    WaitInterrupter breaker;
    asked = &breaker;
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = [](int) { asked->start(); };
    ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
    std::atomic<bool> attached = false;
    int ended = 0;
    std::thread waiter([&] {
        EXPECT_FALSE(breaker.attach());
        attached = true;
        ended = wait_in_poll();
    });
    while (!attached)
        std::this_thread::yield();
    ::pthread_kill(::pthread_self(), SIGUSR1);
    waiter.join();
    EXPECT_EQ(ended, EINTR);
    breaker.end();
    ::sigaction(SIGUSR1, &before, nullptr);
}

// A store's own read of a pipe must not notice the interruption: the call is restarted.
TEST(WaitInterrupter, LeavesCallsOfTheStoreAlone) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const InterruptSignal signal;
    WaitInterrupter breaker;
    ASSERT_FALSE(breaker.attach());
    breaker.start();
    EXPECT_EQ(wait_in_poll(), EINTR) << "signals do arrive";
    std::thread writer([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        EXPECT_EQ(::write(ends[1], "x", 1), 1);
    });
    char byte = 0;
    EXPECT_EQ(::read(ends[0], &byte, 1), 1);
    writer.join();
    breaker.end();
    ::close(ends[0]);
    ::close(ends[1]);
}

// Too early there is no waiter, and later ones check the condition themselves; too late it must not
// start to send signals that nobody stops.
TEST(WaitInterrupter, DoesNothingBeforeAndAfter) {
    const InterruptSignal signal;
    WaitInterrupter breaker;
    breaker.start();
    ASSERT_FALSE(breaker.attach());
    EXPECT_EQ(::poll(nullptr, 0, 20), 0);
    breaker.start();
    EXPECT_EQ(wait_in_poll(), EINTR);
    breaker.end();
    breaker.start();
    EXPECT_EQ(::poll(nullptr, 0, 20), 0);
}

// A program that uses the signal itself gets handler and mask back, from the last worker.
TEST(WaitInterrupter, LeavesTheSignalAsItWas) {
    struct sigaction own {};
    struct sigaction before {};
    own.sa_handler = [](int) {};
    ASSERT_EQ(::sigaction(InterruptSignal::number, &own, &before), 0);
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, InterruptSignal::number);
    ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &set, nullptr), 0);
    {
        const InterruptSignal alone;
        EXPECT_FALSE(is_blocked());
    }
    EXPECT_TRUE(is_blocked());
    {
        auto first = std::make_unique<InterruptSignal>();
        const sighandler_t ours = handler();
        EXPECT_NE(ours, own.sa_handler);
        std::thread other([&] {
            const InterruptSignal second;
            first.reset();
            EXPECT_EQ(handler(), ours) << "one worker's end removed another's handler";
        });
        other.join();
    }
    EXPECT_EQ(handler(), own.sa_handler);
    ::sigaction(InterruptSignal::number, &before, nullptr);
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

} // namespace
} // namespace userblk
