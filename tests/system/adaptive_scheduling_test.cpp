// SPDX-License-Identifier: MIT
//
// A worker's threads use SCHED_FIFO for single requests, and never keep others from a processor
// for long: the store sees the policy that its thread has.
#include <algorithm>
#include <atomic>
#include <fcntl.h>
#include <functional>
#include <sched.h>
#include <sys/resource.h>
#include <thread>
#include <time.h>
#include <unistd.h>

#include "ioctl/file_descriptor.hpp"
#include "tests/system/support/drivers.hpp"
#include "tests/system/support/system_test.hpp"
#include "userblk/userblk.hpp"

namespace userblk::test {

namespace {

int policy_here() {
    return ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
}

std::chrono::nanoseconds busy_time() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// Zeros, after whatever the test wants each read to do.
class WatchedBackend : public Backend {
public:
    explicit WatchedBackend(std::function<void()> at_read) : at_read_(std::move(at_read)) {}

    Description describe() const override { return {.size = mib}; }
    std::error_code read(std::uint64_t, std::span<std::byte> data) override {
        at_read_();
        std::fill(data.begin(), data.end(), std::byte(0));
        return {};
    }
    std::error_code write(std::uint64_t, std::span<const std::byte>, WriteFlags) override {
        return std::make_error_code(std::errc::read_only_file_system);
    }
    std::error_code flush() override { return {}; }

private:
    std::function<void()> at_read_;
};

// A worker in a thread of this process.
class AdaptiveWorker {
public:
    AdaptiveWorker(
        const TestDevice& device, std::function<void()> at_read,
        std::function<void()> at_start = [] {}, std::function<void()> at_end = [] {})
        : worker_(abi::ControlNode(device.number()),
                  std::make_shared<WatchedBackend>(std::move(at_read)), options()),
          thread_([this, at_start = std::move(at_start), at_end = std::move(at_end)] {
              at_start();
              worker_.run();
              at_end();
          }) {}
    AdaptiveWorker(const AdaptiveWorker&) = delete;
    AdaptiveWorker& operator=(const AdaptiveWorker&) = delete;
    ~AdaptiveWorker() {
        worker_.stop();
        thread_.join();
    }

private:
    static WorkerOptions options() {
        WorkerOptions result;
        result.wait = WaitMode::serve;
        result.adapt_scheduling = true;
        return result;
    }

    Worker worker_;
    std::thread thread_;
};

} // namespace

class AdaptiveSchedulingTest : public SystemTest {
protected:
    // Single reads, past the page cache, until the condition holds; false after too many.
    static bool reads_until(const TestDevice& device, const std::function<bool()>& condition) {
        const abi::FileDescriptor disk(::open(device.block_path().c_str(), O_RDONLY | O_DIRECT));
        alignas(4096) static std::byte block[4096];
        for (int i = 0; i < 20'000 && !condition(); ++i)
            if (::pread(disk.get(), block, sizeof(block), 0) != sizeof(block))
                return false;
        return condition();
    }
};

// Reads that come one by one: the worker, which began with the usual policy, soon preempts others
// for them. It ends with its usual policy, and leaves handler and limit of the process as they
// were.
TEST_F(AdaptiveSchedulingTest, SingleRequestsGetTheProcessorAtOnce) {
    TestDevice device(full_config(mib));
    rlimit limit_before{};
    struct sigaction handler_before {};
    ::getrlimit(RLIMIT_RTTIME, &limit_before);
    ::sigaction(SIGXCPU, nullptr, &handler_before);
    std::atomic<bool> usual = false, fifo = false;
    std::atomic<int> last = -1;
    {
        AdaptiveWorker worker(
            device,
            [&] {
                (policy_here() == SCHED_FIFO ? fifo : usual) = true;
                rlimit limit{};
                ::getrlimit(RLIMIT_RTTIME, &limit);
                EXPECT_LE(limit.rlim_cur, 10'000u);
            },
            [] {}, [&] { last = policy_here(); });
        EXPECT_TRUE(reads_until(device, [&] { return usual && fifo; }));
    }
    EXPECT_EQ(last, SCHED_OTHER);
    rlimit limit{};
    struct sigaction handler {};
    ::getrlimit(RLIMIT_RTTIME, &limit);
    ::sigaction(SIGXCPU, nullptr, &handler);
    EXPECT_EQ(limit.rlim_cur, limit_before.rlim_cur);
    EXPECT_EQ(handler.sa_handler, handler_before.sa_handler);
}

// A request that computes without end: within the same request the worker loses its privilege, and
// others get the processor. It serves on.
TEST_F(AdaptiveSchedulingTest, AWorkerThatRunsForLongNoLongerPreempts) {
    TestDevice device(full_config(mib));
    std::atomic<bool> met = false, returned = false;
    AdaptiveWorker worker(device, [&] {
        if (met || policy_here() != SCHED_FIFO)
            return;
        met = true;
        const auto start = busy_time();
        while (policy_here() == SCHED_FIFO && busy_time() - start < 10s)
            ;
        returned = policy_here() != SCHED_FIFO;
    });
    EXPECT_TRUE(reads_until(device, [&] { return met.load(); }));
    EXPECT_TRUE(returned);
    EXPECT_TRUE(answers(device));
}

// Each read computes for less than the limit, but they leave little of a processor: the worker
// tries to preempt others, and then does without.
TEST_F(AdaptiveSchedulingTest, AWorkerThatNeedsAProcessorDoesNotPreempt) {
    TestDevice device(full_config(mib));
    std::atomic<unsigned> tried = 0, without = 0;
    AdaptiveWorker worker(device, [&] {
        if (policy_here() == SCHED_FIFO)
            ++tried;
        else if (tried > 0)
            ++without;
        const auto start = busy_time();
        while (busy_time() - start < 5ms)
            ;
    });
    // More than the sample that precedes each try.
    EXPECT_TRUE(reads_until(device, [&] { return without > 40; }));
    EXPECT_GT(tried, 0u);
}

// Somebody has lowered the worker's priority, or chosen its policy: both stay.
TEST_F(AdaptiveSchedulingTest, WhatWasRequestedStays) {
    const std::function<void()> requests[] = {
        [] { ::setpriority(PRIO_PROCESS, 0, 5); },
        [] {
            const sched_param none{};
            ::sched_setscheduler(0, SCHED_IDLE, &none);
        },
    };
    for (const auto& request : requests) {
        TestDevice device(full_config(mib));
        std::atomic<unsigned> calls = 0, fifo = 0;
        AdaptiveWorker worker(
            device,
            [&] {
                ++calls;
                fifo += policy_here() == SCHED_FIFO;
            },
            request);
        EXPECT_TRUE(reads_until(device, [&] { return calls > 200; }));
        EXPECT_EQ(fifo, 0u);
    }
}

// "userblkctl serve" adapts by default, and so do replacements; not where it is not permitted,
// where nobody is bothered with it.
TEST_F(AdaptiveSchedulingTest, ServeAdaptsWhereItMay) {
    TestDevice device(full_config(mib));
    const auto is_fifo = [](const std::vector<pid_t>& pids) {
        for (const pid_t pid : pids)
            if ((::sched_getscheduler(pid) & ~SCHED_RESET_ON_FORK) == SCHED_FIFO)
                return true;
        return false;
    };
    {
        Supervisor serve(device, "mem:", 1);
        EXPECT_TRUE(reads_until(device, [&] { return is_fifo(serve.workers()); }));
        EXPECT_EQ(::sched_getscheduler(serve.pid()), SCHED_OTHER);
        serve.kill_workers();
        EXPECT_TRUE(reads_until(device, [&] { return is_fifo(serve.workers()); }));
        serve.stop();
    }
    Supervisor serve(device, "mem:", 1, {"--user", "nobody"});
    int reads = 0;
    EXPECT_TRUE(reads_until(device, [&] {
        EXPECT_FALSE(is_fifo(serve.workers()));
        return ++reads > 100;
    }));
    serve.stop();
    EXPECT_EQ(serve.program().err().find("SCHED_FIFO"), std::string::npos);
}

} // namespace userblk::test
