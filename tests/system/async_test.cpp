// SPDX-License-Identifier: MIT
//
// Workers with an asynchronous backend: many operations in flight, ended by the test in any order,
// put back, drained, and given up.
#include <algorithm>
#include <csignal>
#include <cstring>
#include <fstream>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/allocations.hpp"
#include "tests/support/process.hpp"
#include "tests/system/support/drivers.hpp"
#include "tests/system/support/fio.hpp"
#include "tests/system/support/system_test.hpp"
#include "userblk/userblk.hpp"

namespace userblk::test {

namespace {

constexpr std::uint64_t block = 64 << 10; // between requests, so that nothing is merged

// An operation in flight. It ends when the test says so.
struct Held {
    Operation operation;
    std::byte* data = nullptr;
    Completion* done = nullptr;

    void end(std::error_code error = {}) const { done->complete(error); }
};

// What the test and the backends of all threads know of the operations.
class Book {
public:
    void write_down(const Held& held) {
        const std::lock_guard guard(mutex_);
        held_.push_back(held);
        most_ = std::max(most_, held_.size());
    }
    // Waits until that many are in flight; the test fails if they do not come.
    std::vector<Held> await(std::size_t count) {
        EXPECT_TRUE(eventually([&] { return size() >= count; })) << size() << " in flight";
        const std::lock_guard guard(mutex_);
        return held_;
    }
    // The same, and they are no longer held: the test ends them.
    std::vector<Held> take(std::size_t count) {
        await(count);
        const std::lock_guard guard(mutex_);
        return std::exchange(held_, {});
    }
    std::size_t size() const {
        const std::lock_guard guard(mutex_);
        return held_.size();
    }
    std::size_t most() const {
        const std::lock_guard guard(mutex_);
        return most_;
    }

private:
    mutable std::mutex mutex_;
    std::vector<Held> held_;
    std::size_t most_ = 0;
};

// Reads answer with a byte that tells where they began. Holds operations in a book, or ends them at
// once; keeps nothing.
class HoldingBackend : public AsyncBackend {
public:
    HoldingBackend(EventLoop& loop, Book& book) : AsyncBackend(loop), book_(book) {}

    Description describe() const override {
        return {.size = 16 * mib, .cache = true, .discard = true, .write_zeroes = true};
    }
    Task<> read(Slot&, std::uint64_t offset, std::span<std::byte> data) override {
        Completion done(loop());
        book_.write_down({{Operation::Kind::read, offset, data.size()}, data.data(), &done});
        const auto error = co_await done;
        std::memset(data.data(), static_cast<int>(offset / block), data.size());
        co_return error;
    }
    Task<> write(Slot&, std::uint64_t offset, std::span<const std::byte> data,
                 WriteFlags) override {
        if (offset == 13 * block)
            throw std::runtime_error("the tape has torn");
        Completion done(loop());
        book_.write_down({{Operation::Kind::write, offset, data.size()}, nullptr, &done});
        const auto error = co_await done;
        if (offset == 14 * block)
            throw std::runtime_error("the tape has torn late");
        co_return error;
    }
    Task<> flush(Slot&) override {
        Completion done(loop());
        book_.write_down({{Operation::Kind::flush}, nullptr, &done});
        co_return co_await done;
    }
    void device_removed() noexcept override {
        for (const auto& held : book_.take(0))
            held.end(std::make_error_code(std::errc::operation_canceled));
    }

private:
    Book& book_;
};

// A library worker in a thread of this process.
class AsyncDriver {
public:
    AsyncDriver(const TestDevice& device, const StoreFactory& make, WaitMode wait,
                LogFunction log = {})
        : worker_(abi::ControlNode(device.number()), make, options(wait, std::move(log))),
          thread_([this] {
              tid_ = thread_id();
              end_ = worker_.run();
          }) {}
    AsyncDriver(const AsyncDriver&) = delete;
    AsyncDriver& operator=(const AsyncDriver&) = delete;
    ~AsyncDriver() { stop(); }

    Worker& worker() { return worker_; }
    pid_t tid() const {
        EXPECT_TRUE(eventually([&] { return tid_ != 0; }));
        return tid_;
    }
    WorkerEnd stop() {
        worker_.stop();
        return join();
    }
    WorkerEnd join() {
        if (thread_.joinable())
            thread_.join();
        return end_;
    }

private:
    static WorkerOptions options(WaitMode wait, LogFunction log) {
        WorkerOptions result;
        result.wait = wait;
        result.log = std::move(log);
        return result;
    }

    std::atomic<pid_t> tid_ = 0;
    std::atomic<WorkerEnd> end_ = WorkerEnd::stopped;
    Worker worker_;
    std::thread thread_;
};

// The system call in which a thread of this process waits; -1: none, or it runs.
long call_of(pid_t tid) {
    std::ifstream file("/proc/self/task/" + std::to_string(tid) + "/syscall");
    long number = -1;
    file >> number;
    return file ? number : -1;
}

// A process that takes a request and keeps it until it is killed.
int hold_a_request(const TestDevice& device, ChildSide& parent) {
    const Fd node = device.open_control();
    take(node.get());
    parent.tell();
    parent.sleep_for_ever();
}

} // namespace

class Async : public SystemTest {
protected:
    StoreFactory holding() {
        return AsyncBackendFactory([this](const DeviceContext&, EventLoop& loop) {
            return std::make_unique<HoldingBackend>(loop, book);
        });
    }
    static std::vector<Io> read_blocks(TestDevice& device, std::uint64_t count) {
        std::vector<Io> reads;
        for (std::uint64_t i = 0; i < count; ++i)
            reads.push_back(device.read(i * block, 4096));
        return reads;
    }
    static void expect_right(const Io& read, std::uint64_t place) {
        EXPECT_EQ(read->result(), 0);
        EXPECT_TRUE(read->data().all(static_cast<std::uint8_t>(place))) << "block " << place;
    }

    Book book;
};

// One thread has as many operations in flight as the device is deep, and no more even if the device
// has more requests, of a second hardware queue: those wait. They end in the reverse order, and
// each reader gets its own data; then the rest has its turn.
TEST_F(Async, OperationsEndInAnyOrder) {
    USERBLK_REQUIRES_PROCESSORS(2);
    for (const auto wait : {WaitMode::serve, WaitMode::poll}) {
        auto config = full_config(16 * mib);
        config.queues = 2;
        config.depth = 32;
        TestDevice device(config);
        const std::uint64_t depth = device.config().depth;
        AsyncDriver driver(device, holding(), wait);
        std::vector<Io> reads;
        for (unsigned queue = 0; queue < device.config().queues; ++queue) {
            const OnProcessor on(device.processor_of_queue(queue));
            for (std::uint64_t i = 0; i < depth; ++i)
                reads.push_back(device.read((queue * depth + i) * block, 4096));
        }
        auto held = book.take(depth);
        EXPECT_EQ(held.size(), depth);
        const auto state = info(device.control());
        EXPECT_EQ(state.taken, depth);
        EXPECT_EQ(state.queued, reads.size() - depth);
        std::set<std::byte*> buffers;
        for (const auto& each : held)
            buffers.insert(each.data);
        EXPECT_EQ(buffers.size(), depth);
        std::reverse(held.begin(), held.end());
        for (const auto& each : held) {
            each.end();
            expect_right(reads[each.operation.offset / block], each.operation.offset / block);
        }
        for (const auto& each : book.take(reads.size() - depth))
            each.end();
        for (std::uint64_t i = 0; i < reads.size(); ++i)
            expect_right(reads[i], i);
        EXPECT_LE(book.most(), depth);
        EXPECT_EQ(driver.stop(), WorkerEnd::stopped);
    }
}

// With nothing in flight the thread waits inside the call that takes the next request; with
// something in flight in poll, for the store too.
TEST_F(Async, WaitsWhereTheNextEventWillBe) {
    TestDevice device(full_config(16 * mib));
    AsyncDriver driver(device, holding(), WaitMode::serve);
    const auto waits_in = [&](long call) {
        return eventually([&] { return call_of(driver.tid()) == call; });
    };
    EXPECT_TRUE(waits_in(SYS_ioctl));
    const Io first = device.read(0, 4096);
    book.await(1);
    EXPECT_TRUE(waits_in(SYS_ppoll));
    const Io second = device.read(block, 4096); // taken beside the first
    for (const auto& each : book.take(2))
        each.end();
    expect_right(first, 0);
    expect_right(second, 1);
    EXPECT_TRUE(waits_in(SYS_ioctl));
}

// All requests are put back while their operations are in flight. They are delivered again and get
// other buffers, since the old operations still use theirs. The old ones end late: quietly, without
// an error to anybody.
TEST_F(Async, WhatWasPutBackEndsQuietly) {
    auto config = full_config(16 * mib);
    config.depth = 64;
    TestDevice device(config);
    AsyncDriver driver(device, holding(), WaitMode::serve);
    constexpr std::uint64_t count = 16;
    const auto reads = read_blocks(device, count);
    const auto old = book.take(count);
    EXPECT_EQ(reset_all(device.control()).count, count);
    const auto anew = book.take(count);
    std::set<std::byte*> buffers;
    for (const auto* const all : {&old, &anew})
        for (const auto& each : *all)
            buffers.insert(each.data);
    EXPECT_EQ(buffers.size(), 2 * count) << "a buffer was used while an operation had it";
    for (const auto& each : old)
        each.end(std::make_error_code(std::errc::io_error));
    EXPECT_TRUE(eventually([&] { return driver.worker().counts().stale == count; }));
    for (const auto& read : reads)
        EXPECT_FALSE(read->finished());
    for (const auto& each : anew)
        each.end();
    for (std::uint64_t i = 0; i < count; ++i)
        expect_right(reads[i], i);
    EXPECT_EQ(driver.stop(), WorkerEnd::stopped);
    EXPECT_EQ(info(device.control()).errors, 0U);
}

// stop() takes nothing new, and waits until what is in flight has ended and is answered. What is
// queued meanwhile is the next worker's.
TEST_F(Async, StopDrains) {
    TestDevice device(full_config(16 * mib));
    std::optional<AsyncDriver> driver(std::in_place, device, holding(), WaitMode::serve);
    const auto reads = read_blocks(device, 8);
    book.await(8);
    driver->worker().stop();
    const Io later = device.read(8 * block, 4096);
    const auto held = book.take(8);
    for (std::size_t i = 0; i < held.size(); ++i) {
        EXPECT_EQ(info(device.control()).taken, held.size() - i);
        held[i].end();
        expect_right(reads[held[i].operation.offset / block], held[i].operation.offset / block);
    }
    EXPECT_EQ(driver->join(), WorkerEnd::stopped);
    EXPECT_EQ(info(device.control()).queued, 1U);
    EXPECT_EQ(book.size(), 0U);
    driver.emplace(device, holding(), WaitMode::serve);
    book.take(1)[0].end();
    expect_right(later, 8);
}

// The device is removed while operations are in flight: the backend is told, ends them, and the
// worker returns.
TEST_F(Async, RemovalEndsWhatIsInFlight) {
    TestDevice device(full_config(16 * mib));
    AsyncDriver driver(device, holding(), WaitMode::serve);
    const auto reads = read_blocks(device, 4);
    book.await(4);
    EXPECT_EQ(device.remove(), 0);
    EXPECT_EQ(driver.join(), WorkerEnd::removed);
    for (const auto& read : reads)
        EXPECT_EQ(read->result(), EIO);
}

// Errors and exceptions, before the first wait and after it, are errors of their requests alone.
// A durable write to a store without FUA is followed by a flush.
TEST_F(Async, ErrorsReachTheirRequests) {
    TestDevice device(full_config(16 * mib));
    std::mutex mutex;
    std::vector<std::string> lines;
    AsyncDriver driver(device, holding(), WaitMode::serve, [&](LogLevel, const std::string& text) {
        const std::lock_guard guard(mutex);
        lines.push_back(text);
    });
    const auto logged = [&](const std::string& text) {
        const std::lock_guard guard(mutex);
        return std::any_of(lines.begin(), lines.end(),
                           [&](const std::string& line) { return has(line, text); });
    };
    const Io torn = device.write(13 * block, Buffer(4096));
    EXPECT_EQ(torn->result(), EIO);
    EXPECT_TRUE(logged("exception: the tape has torn"));
    const Io torn_late = device.write(14 * block, Buffer(4096));
    book.take(1)[0].end();
    EXPECT_EQ(torn_late->result(), EIO);
    EXPECT_TRUE(logged("exception: the tape has torn late"));
    const Io full = device.write(0, Buffer(4096));
    book.take(1)[0].end(std::make_error_code(std::errc::no_space_on_device));
    EXPECT_EQ(full->result(), ENOSPC);
    const Io durable = device.write(0, Buffer(4096), RWF_DSYNC);
    book.take(1)[0].end();
    const auto flush = book.take(1)[0];
    EXPECT_EQ(flush.operation.kind, Operation::Kind::flush);
    EXPECT_FALSE(durable->finished());
    flush.end();
    EXPECT_EQ(durable->result(), 0);
}

// A process that held requests dies while this worker has operations in flight: it notices, and
// carries out what the dead one had.
TEST_F(Async, PutsBackWhatTheDeadHeldWhileItWaitsForItsStore) {
    TestDevice device(full_config(16 * mib));
    AsyncDriver driver(device, holding(), WaitMode::serve);
    const Io own = device.read(0, 4096);
    const auto mine = book.take(1);
    // The worker is busy, not full: keep the next requests from it.
    driver.worker().stop();
    const Io others = device.read(block, 4096);
    Child child([&](ChildSide& parent) { return hold_a_request(device, parent); });
    child.await();
    mine[0].end();
    expect_right(own, 0);
    EXPECT_EQ(driver.join(), WorkerEnd::stopped);
    AsyncDriver next(device, holding(), WaitMode::serve);
    const Io third = device.read(2 * block, 4096);
    const auto held = book.take(1);
    child.kill();
    const auto again = book.take(1);
    EXPECT_EQ(again[0].operation.offset, block);
    again[0].end();
    held[0].end();
    expect_right(others, 1);
    expect_right(third, 2);
}

// The fence of its store ends when the test says so.
class FencedBackend : public HoldingBackend {
public:
    struct Fence {
        std::atomic<pid_t> dead = 0; // for whom it was called last
        std::atomic<bool> may_end = false;
    };

    FencedBackend(EventLoop& loop, Book& book, Fence& fence)
        : HoldingBackend(loop, book), fence_(fence) {}

    Description describe() const override {
        auto description = HoldingBackend::describe();
        description.store_class = StoreClass::fenced;
        return description;
    }
    std::error_code fence(const DeadClient& dead) const override {
        fence_.dead = dead.pid;
        return eventually([&] { return fence_.may_end.load(); })
                   ? std::error_code()
                   : std::make_error_code(std::errc::timed_out);
    }

private:
    Fence& fence_;
};

// A process died with a write that may still land, and the fence against it takes long. The one
// thread of this worker serves meanwhile, in SERVE as in its loop; what the dead one held is
// carried out only afterwards.
TEST_F(Async, ServesWhileItFences) {
    auto config = full_config(16 * mib);
    config.store_class = USERBLK_STORE_FENCED;
    TestDevice device(config);
    const Io others = device.read(block, 4096);
    Child child([&](ChildSide& parent) { return hold_a_request(device, parent); });
    child.await();
    FencedBackend::Fence fence;
    AsyncDriver driver(device, AsyncBackendFactory([&](const DeviceContext&, EventLoop& loop) {
                           return std::make_unique<FencedBackend>(loop, book, fence);
                       }),
                       WaitMode::serve);
    const pid_t dead = child.pid();
    child.kill();
    EXPECT_TRUE(eventually([&] { return fence.dead == dead; }));
    for (int i = 0; i < 3; i++) {
        const Io own = device.read(0, 4096);
        book.take(1)[0].end();
        expect_right(own, 0);
    }
    EXPECT_EQ(info(device.control()).orphaned, 1u);
    EXPECT_FALSE(others->finished());
    fence.may_end = true;
    book.take(1)[0].end();
    expect_right(others, 1);
}

// Ends its operations after a moment, and notes what its thread has allocated by the time each one
// begins.
class CountingBackend : public AsyncBackend {
public:
    CountingBackend(EventLoop& loop, std::vector<std::uint64_t>& seen)
        : AsyncBackend(loop), seen_(seen) {}
    Description describe() const override { return {.size = 16 * mib}; }
    Task<> read(Slot& slot, std::uint64_t, std::span<std::byte> data) override {
        if (seen_.size() < seen_.capacity())
            seen_.push_back(allocations_of_thread());
        const auto error = co_await moment(slot);
        std::memset(data.data(), 1, data.size());
        co_return error;
    }
    Task<> write(Slot& slot, std::uint64_t, std::span<const std::byte>, WriteFlags) override {
        if (seen_.size() < seen_.capacity())
            seen_.push_back(allocations_of_thread());
        co_return co_await moment(slot);
    }

private:
    Task<> moment(Slot&) {
        co_await loop().sleep_for(std::chrono::microseconds(50));
        Completion done(loop());
        done.complete();
        co_return co_await done;
    }
    std::vector<std::uint64_t>& seen_;
};

// Once its slots are warm, a thread allocates nothing for a request.
TEST_F(Async, NothingIsAllocatedPerRequest) {
    auto config = full_config(16 * mib);
    config.depth = 32;
    TestDevice device(config);
    std::vector<std::uint64_t> seen;
    seen.reserve(4000);
    {
        AsyncDriver driver(device, AsyncBackendFactory([&](const DeviceContext&, EventLoop& loop) {
                               return std::make_unique<CountingBackend>(loop, seen);
                           }),
                           WaitMode::serve);
        for (int round = 0; round < 80; ++round) {
            std::vector<Io> all;
            for (std::uint64_t i = 0; i < 16; ++i)
                all.push_back(device.read(i * block, 4096));
            for (std::uint64_t i = 0; i < 16; ++i)
                all.push_back(device.write(i * block, Buffer(4096)));
            for (const auto& io : all)
                EXPECT_EQ(io->result(), 0);
        }
    }
    ASSERT_GE(seen.size(), 2000U);
    const auto warm = seen.size() / 2;
    const auto allocated = seen.back() - seen[warm];
    figure("allocations of " + std::to_string(seen.size() - warm) + " requests, warm",
           std::to_string(allocated));
    figure("allocations until then", std::to_string(seen[warm] - seen.front()));
    EXPECT_EQ(allocated, 0U);
}

// The example: a RAM disk with the latency of a network, as it ships. Its workers are killed under
// load, it is reloaded, and ended; fio finds every byte, and nobody sees an error.
class FarRam : public SystemTest {};

TEST_F(FarRam, ServesThroughKillsAndReloads) {
    allow_time(240s);
    TestDevice device(full_config(64 * mib));
    Program driver({built("far_ram"), device.name(), "--", "2ms"});
    ASSERT_TRUE(eventually([&] { return !driver.out().empty() || !driver.running(); }))
        << driver.err();
    Fio fio({.target = device.block_path(), .depth = 32, .runtime = in_form(60s, 10s)});
    ASSERT_TRUE(fio.await_traffic(device));
    std::vector<Blow> blows;
    const auto healed = [&] { EXPECT_TRUE(await_healed(device)); };
    for (int i = 0; fio.running(); ++i) {
        if (i % 3 == 2) {
            driver.signal(SIGHUP);
            std::this_thread::sleep_for(500ms);
            continue;
        }
        eventually([&] { return info(device.control()).taken > 0 || !fio.running(); });
        blows.push_back(strike(
            device, [&] { kill_each(children_of(driver.pid())); }, healed));
        std::this_thread::sleep_for(700ms);
    }
    fio.finish();
    figure("kills that met requests", std::to_string(count_met(blows)));
    EXPECT_GT(count_met(blows), 0U);
    EXPECT_EQ(info(device.control()).errors, 0U);
    driver.signal(SIGTERM);
    EXPECT_EQ(driver.wait(2 * patience).status, 0);
}

// One process with one thread keeps 64 requests in flight: while the store takes half a second for
// each, all of them are taken, and all are answered before they could have been one by one.
TEST_F(FarRam, OneThreadKeepsManyInFlight) {
    allow_time(120s);
    TestDevice device(full_config(64 * mib));
    Program driver(
        {built("far_ram"), device.name(), "--workers", "1", "--threads", "1", "--", "500ms"});
    ASSERT_TRUE(eventually([&] { return !driver.out().empty() || !driver.running(); }))
        << driver.err();
    const auto reads = device.read_many(64);
    EXPECT_TRUE(eventually([&] { return info(device.control()).taken == 64; }));
    for (const auto& read : reads)
        EXPECT_EQ(read->result(), 0);
    driver.signal(SIGTERM);
    EXPECT_EQ(driver.wait(2 * patience).status, 0);
}

} // namespace userblk::test
