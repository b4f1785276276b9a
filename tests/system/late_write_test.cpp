// SPDX-License-Identifier: MIT
//
// A store at the other end of a network: a worker dies with a write on the wire, its request is
// carried out by another worker, newer data are written there, and only then the old write arrives.
#include <csignal>
#include <string>

#include <unistd.h>

#include "tests/system/support/late_store.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class LateWrite : public SystemTest {
protected:
    static constexpr std::size_t block = 4096;

    static userblk_config of_class(std::uint32_t store_class, std::uint64_t wait_ns = 0) {
        userblk_config config = test_config(mib);
        config.store_class = store_class;
        config.store_wait_ns = wait_ns;
        return config;
    }
    std::string socket() const { return folder() + "/socket"; }
    Program start(const TestDevice& device, const std::string& store_class,
                  const std::string& fence = "fence", const std::string& mode = "lone") const {
        Program driver({built("remote_driver"), std::to_string(device.number()), socket(),
                        store_class, fence, mode});
        EXPECT_TRUE(eventually([&] { return !driver.out().empty() || !driver.running(); }));
        EXPECT_TRUE(driver.running()) << driver.err();
        return driver;
    }
    static pid_t holder_of(const TestDevice& device) {
        const auto taken = taken_list(device.control());
        EXPECT_EQ(taken.size(), 1u);
        return taken.empty() ? -1 : taken[0].pid;
    }
    // Begins a write, which does not arrive.
    static Io write_late(TestDevice& device, LateStore& store, std::uint64_t at,
                         std::uint64_t seed) {
        store.hold_next_write();
        Io io = device.write(at, pattern(block, seed));
        EXPECT_TRUE(eventually([&] { return store.holds(); }));
        return io;
    }
    static int write(TestDevice& device, std::uint64_t at, std::uint64_t seed) {
        return device.write(at, pattern(block, seed))->result();
    }
    static bool contains(TestDevice& device, std::uint64_t at, std::uint64_t seed) {
        const Io io = device.read(at, block);
        return io->result() == 0 && io->data() == pattern(block, seed);
    }
};

// Where the data come from and what the fence does.
struct LateWriteCase {
    std::string mode;
    std::string fence;
};

class LateWriteOf : public LateWrite, public testing::WithParamInterface<LateWriteCase> {};

INSTANTIATE_TEST_SUITE_P(
    AWorker, LateWriteOf,
    testing::Values(LateWriteCase{"lone", "fence"}, LateWriteCase{"lone", "pretend"},
                    LateWriteCase{"pool", "fence"}, LateWriteCase{"pool", "pretend"}),
    [](const auto& about) { return about.param.mode + "_" + about.param.fence; });

// The story above, again and again. Healers that fence the store first: the old data never appear.
// The same healers with a fence that does nothing: they do.
TEST_P(LateWriteOf, AppearsOnlyWithoutAFence) {
    allow_time(600s);
    const bool fenced = GetParam().fence == "fence", pool = GetParam().mode == "pool";
    TestDevice device(of_class(USERBLK_STORE_FENCED));
    LateStore store(socket(), mib);
    Program driver = start(device, "fenced", GetParam().fence, GetParam().mode);
    for (unsigned int round = 0; round < in_form(50u, 5u); round++) {
        const std::uint64_t at = round * block;
        const std::uint64_t before = 2 * round + 1, after = 2 * round + 2;
        const Io old = write_late(device, store, at, before);
        if (pool) {
            EXPECT_EQ(::kill(holder_of(device), SIGKILL), 0);
        } else {
            driver.kill();
            driver = start(device, "fenced", GetParam().fence);
        }
        ASSERT_EQ(old->result(), 0) << driver.err();
        ASSERT_EQ(write(device, at, after), 0) << driver.err();
        EXPECT_EQ(store.land(), !fenced);
        EXPECT_TRUE(contains(device, at, fenced ? after : before)) << "round " << round;
    }
    EXPECT_EQ(store.fences() > 0, fenced);
    driver.signal(SIGTERM);
    EXPECT_EQ(driver.wait().status, 0);
}

// A worker is stopped with a write on the wire. Somebody fences the store from it and declares it
// dead; another worker carries its request out. When it goes on, the store refuses its write, and
// it ends without having failed anything.
TEST_F(LateWrite, OfAStoppedWorkerIsRefused) {
    TestDevice device(of_class(USERBLK_STORE_FENCED));
    LateStore store(socket(), mib);
    Program stopped = start(device, "fenced");
    const Io old = write_late(device, store, 0, 1);
    stopped.signal(SIGSTOP);
    EXPECT_TRUE(eventually_in_state(stopped.pid(), 'T'));
    const userblk_reset declared_dead{0, 0, USERBLK_RESET_PID, stopped.pid(), 0, 0};
    EXPECT_EQ(reset(device.control(), declared_dead).error, EOWNERDEAD);
    store.fence(stopped.pid());
    userblk_reset fenced = declared_dead;
    fenced.flags = USERBLK_RESET_FENCED;
    EXPECT_EQ(reset(device.control(), fenced).count, 1u);
    const Program other = start(device, "fenced");
    EXPECT_EQ(old->result(), 0);
    EXPECT_EQ(write(device, 0, 2), 0);
    EXPECT_FALSE(store.land());
    stopped.signal(SIGCONT);
    EXPECT_EQ(stopped.wait().status, 3) << "it found itself fenced";
    EXPECT_TRUE(contains(device, 0, 2));
    EXPECT_EQ(info(device.control()).errors, 0u);
}

// The fence fails, as when a part of the network is down. The worker says so once, tries again and
// again, and serves meanwhile; the request is put back when a fence succeeds, not before.
TEST_F(LateWrite, WaitsForAFenceThatFails) {
    TestDevice device(of_class(USERBLK_STORE_FENCED));
    LateStore store(socket(), mib);
    Program dying = start(device, "fenced");
    const Io old = write_late(device, store, 0, 1);
    const pid_t dead = dying.pid();
    store.refuse_fences(true);
    const Program other = start(device, "fenced");
    dying.kill();
    EXPECT_TRUE(eventually([&] { return store.refused_fences() >= 3; })) << other.err();
    const std::string complaint =
        "unable to fence the store from process " + std::to_string(dead) + ", which died holding 1";
    EXPECT_TRUE(has(other.err(), complaint)) << other.err();
    EXPECT_EQ(other.err().find(complaint), other.err().rfind(complaint)) << "more than once";
    EXPECT_EQ(write(device, block, 2), 0);
    EXPECT_FALSE(old->finished());
    EXPECT_EQ(info(device.control()).orphaned, 1u);
    store.refuse_fences(false);
    EXPECT_EQ(old->result(), 0);
    EXPECT_TRUE(contains(device, 0, 1));
}

// The store cannot be fenced, but its author knows for how long a write can be under way. The
// workers put the request back after that, not before, and nobody else has to act.
TEST_F(LateWrite, IsWaitedForWhereTheClassSaysSo) {
    constexpr std::chrono::nanoseconds wait = 500ms;
    TestDevice device(of_class(USERBLK_STORE_UNFENCED, wait.count()));
    LateStore store(socket(), mib);
    Program dying = start(device, "unfenced");
    const Io io = write_late(device, store, 0, 1);
    const Program other = start(device, "unfenced");
    const auto death = std::chrono::steady_clock::now();
    dying.kill();
    EXPECT_TRUE(eventually([&] { return has(other.err(), "when these have been dead for 500ms"); }))
        << other.err();
    store.land();
    EXPECT_EQ(io->result(), 0);
    EXPECT_GE(std::chrono::steady_clock::now() - death, wait);
    EXPECT_TRUE(contains(device, 0, 1));
    EXPECT_EQ(store.fences(), 0u);
}

// Nobody can fence the store, and there is no time that is long enough: the request stays held, a
// worker says so, and the tools refuse to put it back until a person insists.
TEST_F(LateWrite, OfAnUnfencedStoreWaitsForAPerson) {
    TestDevice device(of_class(USERBLK_STORE_UNFENCED));
    const std::string number = std::to_string(device.number());
    LateStore store(socket(), mib);
    Program dying = start(device, "unfenced");
    const Io io = write_late(device, store, 0, 1);
    const Program other = start(device, "unfenced");
    dying.kill();
    EXPECT_TRUE(eventually([&] { return has(other.err(), "reset --force userblk" + number); }))
        << other.err();
    for (const auto& command : {Arguments{built("userblkctl"), "reset", number},
                                Arguments{built("userblkctl"), "reset", "--all", number},
                                Arguments{built("userblk-recover"), "--reset", number}}) {
        const Outcome refused = run(command);
        EXPECT_EQ(refused.status, 1) << refused.text();
        EXPECT_TRUE(has(refused.err, "nothing was put back")) << refused.err;
        EXPECT_TRUE(has(refused.err, "--force")) << refused.err;
    }
    EXPECT_FALSE(io->finished());
    EXPECT_EQ(info(device.control()).orphaned, 1u);
    store.land();
    const std::string forced = succeed({built("userblkctl"), "reset", "--force", number});
    EXPECT_TRUE(has(forced, "put 1 request back")) << forced;
    EXPECT_EQ(io->result(), 0);
}

// A watcher puts back by itself what the class allows, when it allows it; and says why it does not
// put back the rest.
TEST_F(LateWrite, IsLeftToTheClassByAWatcher) {
    constexpr std::chrono::nanoseconds wait = 500ms;
    TestDevice waits(of_class(USERBLK_STORE_UNFENCED, wait.count()));
    TestDevice fenced(of_class(USERBLK_STORE_FENCED));
    Program watcher({built("userblk-recover"), "--watch", "--reset"});
    std::vector<Io> ios;
    std::vector<Child> holders;
    for (TestDevice* device : {&waits, &fenced}) {
        ios.push_back(device->read(0, block));
        holders.emplace_back([device](ChildSide& side) -> int {
            const Fd fd = device->open_control();
            take(fd.get());
            side.tell();
            side.sleep_for_ever();
        });
        holders.back().await();
    }
    const auto death = std::chrono::steady_clock::now();
    for (Child& holder : holders)
        holder.kill();
    EXPECT_TRUE(eventually([&] { return info(waits.control()).queued == 1; })) << watcher.err();
    EXPECT_GE(std::chrono::steady_clock::now() - death, wait);
    EXPECT_TRUE(eventually([&] {
        return has(watcher.out(), waits.name() + ": put back 1 request") &&
               has(watcher.err(), fenced.name() + ": nothing was put back");
    })) << watcher.out()
        << watcher.err();
    EXPECT_EQ(info(fenced.control()).orphaned, 1u);
    EXPECT_TRUE(watcher.running());
}

// A device whose healers would put requests back too early is refused, with what would be right.
TEST_F(LateWrite, StoreWantsADeviceOfItsClass) {
    TestDevice device;
    LateStore store(socket(), default_size);
    const Outcome refused = run({built("remote_driver"), std::to_string(device.number()), socket(),
                                 "fenced", "fence", "lone"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_TRUE(has(refused.err, "--store-class fenced")) << refused.err;
}

// So do workers on the bare interface that fence nothing, rather than try a RESET again and again.
TEST_F(LateWrite, ExamplesWantADeviceOfTheirClass) {
    TestDevice device(of_class(USERBLK_STORE_FENCED));
    const std::string file = make_file("store.img", mib);
    for (const std::string& worker :
         {built("poll_get_put"), std::string(USERBLK_EXAMPLES "/worker.py")}) {
        const Outcome refused = run({worker, device.control_path(), file});
        EXPECT_EQ(refused.status, 1) << worker << ": " << refused.text();
        EXPECT_TRUE(has(refused.err, "can be fenced")) << refused.err;
    }
}

// The peer of the relays fences by itself: it drops what an older delivery sends. A relay dies with
// a request; the next one says that it is fenced, and carries it out.
TEST_F(LateWrite, RelaysFenceByTheirIds) {
    TestDevice device(of_class(USERBLK_STORE_FENCED));
    const std::string file = make_file("peer.img", mib);
    Program peer({built("forward_peer"), socket(), file});
    EXPECT_TRUE(eventually([&] { return ::access(socket().c_str(), F_OK) == 0; })) << peer.err();
    Program relay({built("forward"), device.control_path(), socket()});
    EXPECT_EQ(write(device, 0, 1), 0);
    peer.signal(SIGSTOP);
    EXPECT_TRUE(eventually_in_state(peer.pid(), 'T'));
    const Io io = device.write(0, pattern(block, 2));
    EXPECT_TRUE(eventually([&] { return info(device.control()).taken == 1; }));
    relay.kill();
    peer.signal(SIGCONT);
    const Program next({built("forward"), device.control_path(), socket()});
    EXPECT_EQ(io->result(), 0) << next.err();
    EXPECT_TRUE(contains(device, 0, 2));
}

// A file does not need a device of this class, but may have one: its writes end with the process,
// so a dead worker is fenced already.
TEST_F(LateWrite, ClassSuitsAFileToo) {
    const std::string file = make_file("store.img", 16 * mib);
    Program serve({built("userblkctl"), "serve", "--create", "file:" + file, "--store-class",
                   "fenced", "--workers", "1"});
    ASSERT_TRUE(eventually([&] { return !serve.out().empty() || !serve.running(); }))
        << serve.err();
    for (int i = 0; i < 3; i++) {
        Program writer({"dd", "if=/dev/zero", "of=/dev/userblk0", "bs=64k", "count=64",
                        "oflag=direct", "status=none"});
        kill_each(children_of(serve.pid()));
        EXPECT_EQ(writer.wait().status, 0);
    }
    const std::string told = succeed({built("userblkctl"), "info", "0"});
    EXPECT_TRUE(has(told, "fenced: what dead workers held is put back once the store")) << told;
    serve.signal(SIGTERM);
    const Outcome outcome = serve.wait();
    EXPECT_EQ(outcome.status, 0) << outcome.text();
}

} // namespace userblk::test
