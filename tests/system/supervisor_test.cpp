// SPDX-License-Identifier: MIT
//
// Workers under "userblkctl serve" that die, also together with it; userblk-recover; what serve
// says when it begins.
#include <algorithm>
#include <csignal>

#include "tests/support/process.hpp"
#include "tests/system/support/fio.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class SupervisorOf : public SystemTest, public testing::WithParamInterface<const char*> {
protected:
    static constexpr std::uint64_t size = 64 * mib;

    // Slow enough that requests are in hand when a kill comes.
    std::string spec(const std::string& decorators = "delay=1ms,") {
        if (GetParam() == std::string("mem"))
            return decorators + "mem:";
        return decorators + "file:" + make_file("store.img", size);
    }
    FioJob job(const TestDevice& device, std::chrono::seconds duration) const {
        return {.target = device.block_path(),
                .size = "24m",
                .runtime = duration,
                .latency_log = folder() + "/fio"};
    }
    static void tell(const std::string& name, const std::vector<Blow>& blows, const Fio& fio) {
        const std::string what = name + ", " + GetParam();
        figure(what + ", kills / met requests",
               std::to_string(blows.size()) + " / " + std::to_string(count_met(blows)));
        figure(what + ", pause after a kill", fio.pauses(blows));
    }
    static Outcome recover(const TestDevice& device, const Arguments& options = {}) {
        Arguments argv{built("userblk-recover"), device.name()};
        argv.insert(argv.end(), options.begin(), options.end());
        return run(argv);
    }
};

INSTANTIATE_TEST_SUITE_P(Store, SupervisorOf, testing::Values("file", "mem"),
                         [](const auto& about) { return std::string(about.param); });

// One worker after the other is killed under checked writes: the supervisor starts new ones, there
// are as many in the end, and fio finds no error.
TEST_P(SupervisorOf, ReplacesWorkersKilledUnderFio) {
    const auto duration = in_form(60s, 5s);
    allow_time(duration + 240s);
    TestDevice device(full_config(size));
    Supervisor serve(device, spec());
    EXPECT_TRUE(answers(device));
    Fio fio(job(device, duration));
    ASSERT_TRUE(fio.await_traffic(device));
    Dice dice;
    std::vector<Blow> blows;
    const auto end = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < end && fio.running()) {
        blows.push_back(strike(
            device,
            [&] {
                const std::vector<pid_t> workers = serve.workers();
                if (!workers.empty())
                    kill_each({workers[dice.below(static_cast<unsigned int>(workers.size()))]});
            },
            [&] { std::this_thread::sleep_for(700ms); }));
    }
    fio.finish();
    EXPECT_TRUE(eventually([&] { return serve.workers().size() >= 4; }));
    EXPECT_GT(count_met(blows), 0u);
    EXPECT_EQ(info(device.control()).errors, 0u);
    tell("supervisor, one worker killed", blows, fio);
    serve.stop();
}

// All workers at once, spares included, several times under checked writes.
TEST_P(SupervisorOf, ReplacesAllWorkersKilledAtOnceUnderFio) {
    const auto duration = in_form(60s, 5s);
    allow_time(duration + 240s);
    TestDevice device(full_config(size));
    Supervisor serve(device, spec());
    EXPECT_TRUE(answers(device));
    Fio fio(job(device, duration));
    ASSERT_TRUE(fio.await_traffic(device));
    Dice dice;
    std::vector<Blow> blows;
    const auto end = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < end && fio.running()) {
        dice.sleep_up_to(1500ms);
        blows.push_back(strike(
            device, [&] { serve.kill_workers(); },
            [&] {
                EXPECT_TRUE(await_healed(device));
                std::this_thread::sleep_for(1s);
            }));
    }
    fio.finish();
    EXPECT_GT(count_met(blows), 0u);
    EXPECT_EQ(info(device.control()).errors, 0u);
    tell("supervisor, all workers killed", blows, fio);
    serve.stop();
}

// Nobody is left, and requests are pending: userblk-recover says so by its exit status, and whose
// they were; --reset puts them back and then there is nothing of the dead. New workers under a new
// supervisor go on, with the same memory even where the store was memory, and fio finds no error.
TEST_P(SupervisorOf, IsReplacedByHandAfterEverybodyDied) {
    const auto duration = in_form(60s, 5s);
    allow_time(duration + 300s);
    TestDevice device(full_config(size));
    const std::string store = spec();
    Supervisor serve(device, store);
    EXPECT_TRUE(answers(device));
    Fio fio(job(device, duration));
    std::vector<Blow> blows;
    for (int round = 0; round < (long_form() ? 10 : 2); round++) {
        ASSERT_TRUE(fio.await_traffic(device));
        Blow blow{std::chrono::system_clock::now(), {}};
        serve.kill_all();
        blow.to = std::chrono::system_clock::now();
        const std::uint64_t pending = info(device.control()).orphaned;
        EXPECT_EQ(info(device.control()).taken, pending);
        const Outcome shown = recover(device);
        EXPECT_EQ(shown.status, pending ? 3 : 0) << shown.text();
        const Outcome reset = recover(device, {"--reset"});
        EXPECT_EQ(reset.status, 0) << reset.text();
        EXPECT_EQ(info(device.control()).orphaned, 0u);
        EXPECT_EQ(recover(device).status, 0) << "what waits is not of the dead";
        blow.met = pending > 0;
        blows.push_back(blow);
        serve = Supervisor(device, store);
        EXPECT_TRUE(answers(device));
    }
    fio.finish();
    EXPECT_GT(count_met(blows), 0u);
    EXPECT_EQ(info(device.control()).errors, 0u);
    tell("supervisor and workers killed, recovered by hand", blows, fio);
    serve.stop();
}

// The supervisor alone dies. Its workers serve on and heal each other; a new supervisor joins them.
TEST_P(SupervisorOf, IsNotNeededByItsWorkers) {
    allow_time(240s);
    TestDevice device(full_config(size));
    const std::string store = spec();
    Supervisor serve(device, store);
    EXPECT_TRUE(answers(device));
    const std::vector<pid_t> workers = serve.workers();
    Fio fio(job(device, 6s));
    ASSERT_TRUE(fio.await_traffic(device));
    serve.program().kill();
    kill_each({workers[0]});
    EXPECT_TRUE(await_healed(device));
    EXPECT_TRUE(answers(device));
    Supervisor next(device, store);
    kill_each(workers);
    fio.finish();
    EXPECT_EQ(info(device.control()).errors, 0u);
    next.stop();
}

// What a memory store held is there for workers and supervisor that came after the death of all.
TEST_P(SupervisorOf, FindsWhatItsPredecessorStored) {
    TestDevice device(full_config(size));
    const std::string store = spec("");
    {
        Supervisor serve(device, store, 2);
        EXPECT_EQ(device.write(mib, pattern(65536, 7))->result(), 0);
        serve.kill_all();
    }
    Supervisor serve(device, store, 2);
    const Io reader = device.read(mib, 65536);
    EXPECT_EQ(reader->result(), 0);
    EXPECT_EQ(reader->data(), pattern(65536, 7));
    serve.stop();
}

// SIGTERM under load: what was taken is answered, nothing is left of the dead or taken, and what
// came later waits for the next supervisor.
TEST_P(SupervisorOf, DrainsWhenItIsTold) {
    allow_time(240s);
    TestDevice device(full_config(size));
    const std::string store = spec();
    Supervisor serve(device, store);
    EXPECT_TRUE(answers(device));
    Fio fio(job(device, 6s));
    ASSERT_TRUE(fio.await_traffic(device));
    serve.stop();
    EXPECT_EQ(info(device.control()).taken, 0u);
    EXPECT_EQ(info(device.control()).put_back, 0u) << "something was lost and had to be put back";
    Supervisor next(device, store);
    fio.finish();
    EXPECT_EQ(info(device.control()).errors, 0u);
    next.stop();
}

class Start : public SystemTest {};

// A supervisor is killed, and its workers serve on. Whoever looks, or serves the device again, is
// told of them by their pids; a reload puts its new workers in their place, too.
TEST_F(Start, TellsOfWorkersLeftBehindAndReloadEndsThem) {
    allow_time(240s);
    // This process is to have nothing of it open: it is the parent of those who lose theirs.
    const Outcome made = ctl({"create", "--size", "4M", "--name", "left"});
    EXPECT_EQ(made.status, 0) << made.text();
    const Arguments serve{built("userblkctl"), "serve", "left", "mem:", "-w", "2", "--spares", "0"};
    Program first(serve);
    EXPECT_TRUE(eventually([&] { return has(first.err(), "is served by 2"); })) << first.err();
    EXPECT_FALSE(has(ctl({"info", "left"}).out, "left behind")) << "its supervisor lives";
    const auto workers = children_of(first.pid());
    ASSERT_EQ(workers.size(), 2u);
    first.kill();
    const std::string shown = ctl({"info", "left"}).out;
    for (const pid_t worker : workers)
        EXPECT_TRUE(
            has(shown, std::to_string(worker) + " userblk-w0 (left behind by its supervisor)"))
            << shown;
    const Outcome alone = ctl({"reload", "left"});
    EXPECT_EQ(alone.status, 1) << alone.text();
    Program second(serve);
    EXPECT_TRUE(eventually([&] { return has(second.err(), "is served by 2"); })) << second.err();
    EXPECT_TRUE(has(second.err(), "already served by 2 workers whose supervisor has exited"))
        << second.err();
    for (const pid_t worker : workers)
        EXPECT_TRUE(has(second.err(), std::to_string(worker)) && lives(worker)) << second.err();
    const Outcome reloaded = ctl({"reload", "left"});
    EXPECT_EQ(reloaded.status, 0) << reloaded.text();
    EXPECT_TRUE(std::none_of(workers.begin(), workers.end(), lives));
    EXPECT_TRUE(has(ctl({"info", "left"}).out, "served by 2 processes"));
    EXPECT_EQ(ctl({"remove", "left"}).status, 0);
    EXPECT_EQ(second.wait().status, 0) << second.err();
}

// To read only from a store of a device that can be written to is a mistake, said before anything
// is served; of one that cannot it is none.
TEST_F(Start, ReadOnlyIsForDevicesThatAre) {
    TestDevice writable(full_config(mib));
    const Outcome refused = ctl({"serve", writable.name(), "readonly,mem:"});
    EXPECT_EQ(refused.status, 1) << refused.text();
    EXPECT_TRUE(has(refused.err, "--read-only")) << refused.err;
    auto config = full_config(mib);
    config.flags |= USERBLK_F_READ_ONLY;
    TestDevice read_only(config);
    Supervisor serve(read_only, "readonly,mem:", 1);
    EXPECT_TRUE(answers(read_only));
    serve.stop();
}

// A file that does not end with a block becomes a device that ends before it: said with both sizes.
TEST_F(Start, WarnsOfAPartOfABlock) {
    const std::string store = make_file("store.img", 1000);
    for (const bool whole : {false, true}) {
        if (whole)
            shell("truncate -s 1024 \"$1\"", {store});
        const Outcome made = ctl({"serve", "--create", "file:" + store, "--name", "part",
                                  "--detach", "--log", "file:" + folder() + "/log"});
        EXPECT_EQ(made.status, 0) << made.text();
        EXPECT_EQ(has(made.err, "has 1000 bytes"), !whole) << made.err;
        EXPECT_EQ(has(made.err, "the last 488 are not part of the device"), !whole) << made.err;
        EXPECT_EQ(ctl({"remove", "part"}).status, 0);
    }
    // Nor does one that ends with a block of the file's, but not of the device's.
    shell("truncate -s 4608 \"$1\"", {store});
    const Outcome made =
        ctl({"serve", "--create", "file:" + store, "--name", "part", "--block-size", "4K",
             "--detach", "--log", "file:" + folder() + "/log"});
    EXPECT_EQ(made.status, 0) << made.text();
    EXPECT_TRUE(has(made.err, "has 4608 bytes") && has(made.err, "the last 512 are not part"))
        << made.err;
    EXPECT_EQ(ctl({"list", "-n", "-b", "-o", "SIZE", "part"}).out, "4096\n");
    EXPECT_EQ(ctl({"remove", "part"}).status, 0);
}

} // namespace userblk::test
