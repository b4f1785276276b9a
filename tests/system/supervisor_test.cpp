// SPDX-License-Identifier: MIT
//
// Workers under "userblkctl serve" that die, also together with it; userblk-recover; reload.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

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

class StopSignal : public SystemTest {
protected:
    static bool has(const std::string& text, const std::string& part) {
        return text.find(part) != std::string::npos;
    }
    // As timeout(1) does: to the supervisor, and to all of its process group.
    static void to_everybody(const Program& program) {
        program.signal(SIGTERM);
        ::kill(-program.pid(), SIGTERM);
    }
};

// Everybody is sent SIGTERM, the supervisor twice, while somebody has the device open for a moment.
// The workers serve on until it is closed; nobody is replaced or killed, the device is removed, and
// the log tells of no trouble.
TEST_F(StopSignal, ToEverybodyIsOneToTheSupervisor) {
    Program serve({built("userblkctl"), "serve", "--create", "mem:", "--size", "16M", "--workers",
                   "3", "--log-level", "notice"});
    ASSERT_TRUE(eventually([&] { return !serve.out().empty() || !serve.running(); }))
        << serve.err();
    EXPECT_TRUE(eventually([&] { return children_of(serve.pid()).size() == 4; })) << serve.err();
    const auto before = children_of(serve.pid());
    Fd held(open("/dev/userblk0", O_RDWR | O_CLOEXEC));
    to_everybody(serve);
    // The spare one serves nothing, and may end.
    EXPECT_TRUE(eventually([&] { return children_of(serve.pid()).size() <= 3; })) << serve.err();
    shell("dd if=/dev/userblk0 of=/dev/null bs=4k count=16 iflag=direct status=none");
    const auto now = children_of(serve.pid());
    EXPECT_TRUE(std::includes(before.begin(), before.end(), now.begin(), now.end())) << serve.err();
    held.reset();
    const Outcome outcome = serve.wait();
    EXPECT_EQ(outcome.status, 0) << outcome.text();
    EXPECT_EQ(outcome.err, "");
    EXPECT_TRUE(list_devices().empty());
}

// The same to who serves a device that stays, while a worker is busy with a request: it is waited
// for, and nothing has to be put back. A second signal, by somebody else, ends the waiting.
TEST_F(StopSignal, ToEverybodyIsWaitedForAsOne) {
    allow_time(240s);
    for (const bool twice : {false, true}) {
        TestDevice device(full_config(mib));
        const std::string busy = make_file("busy", 0);
        Program driver(
            {built("troubled_driver"), device.name(), "mem:", "2", "1", "loop", "0", busy});
        EXPECT_TRUE(eventually([&] { return info(device.control()).servers == 2; }))
            << driver.err();
        const Io reader = device.read(0, 4096);
        EXPECT_TRUE(await_taken(device));
        to_everybody(driver);
        EXPECT_TRUE(eventually([&] { return has(driver.err(), "stopping"); })) << driver.err();
        // The idle one ends, the busy one does not.
        EXPECT_TRUE(eventually([&] { return children_of(driver.pid()).size() == 1; }))
            << driver.err();
        EXPECT_EQ(info(device.control()).taken, 1u);
        if (twice)
            succeed({"kill", std::to_string(driver.pid())});
        else
            std::filesystem::remove(busy);
        EXPECT_EQ(driver.wait().status, 0) << driver.err();
        EXPECT_EQ(info(device.control()).put_back, twice ? 1u : 0u) << driver.err();
        EXPECT_EQ(has(driver.err(), "second signal"), twice) << driver.err();
        std::filesystem::remove(busy);
        if (twice) {
            Supervisor next(device, "mem:", 1);
            EXPECT_EQ(reader->result(), 0);
            next.stop();
        }
        EXPECT_EQ(reader->result(), 0);
    }
}

// One worker is sent it by a person: it answers what it has and ends, and another takes its place.
// A worker whose supervisor has been killed has nobody to ask, and ends as well.
TEST_F(StopSignal, ToOneWorkerReplacesIt) {
    TestDevice device(full_config(mib));
    Supervisor serve(device, "mem:", 2, {"--spares", "0"});
    EXPECT_TRUE(answers(device));
    const pid_t one = serve.workers()[0];
    ::kill(one, SIGTERM);
    EXPECT_TRUE(eventually([&] { return !lives(one) && serve.workers().size() == 2; }))
        << serve.program().err();
    EXPECT_TRUE(has(serve.program().err(), "worker " + std::to_string(one) + " was sent SIGTERM"))
        << serve.program().err();
    const auto workers = serve.workers();
    serve.program().kill();
    for (const pid_t worker : workers) {
        ::kill(worker, SIGTERM);
        EXPECT_TRUE(eventually([&] { return !lives(worker); }));
    }
    EXPECT_EQ(info(device.control()).put_back, 0u);
}

class Start : public SystemTest {
protected:
    static Outcome ctl(const Arguments& command) {
        Arguments argv{built("userblkctl")};
        argv.insert(argv.end(), command.begin(), command.end());
        return run(argv, 3 * patience);
    }
    static bool has(const std::string& text, const std::string& part) {
        return text.find(part) != std::string::npos;
    }
};

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
    EXPECT_TRUE(has(second.err(), "already by 2 workers whose supervisor has ended"))
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
}

class Reload : public SystemTest {
protected:
    // The paths of the programs that a supervisor's workers run.
    static std::set<std::string> programs(const std::vector<pid_t>& pids) {
        std::set<std::string> result;
        for (const pid_t pid : pids) {
            std::error_code gone;
            const auto path =
                std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", gone);
            if (!gone)
                result.insert(path.string());
        }
        return result;
    }
    // A failure of the test if the command fails.
    static void reload(const TestDevice& device, const Arguments& change) {
        Arguments argv{built("userblkctl"), "reload", device.name()};
        argv.insert(argv.end(), change.begin(), change.end());
        succeed(argv, 3 * patience);
    }
    // How many there are as soon as there are that many.
    static std::size_t eventual_workers(const Supervisor& serve, std::size_t expected) {
        eventually([&] { return serve.workers().size() == expected; });
        return serve.workers().size();
    }
    static std::size_t threads_of(pid_t pid) {
        const std::filesystem::directory_iterator threads("/proc/" + std::to_string(pid) + "/task");
        return static_cast<std::size_t>(std::distance(begin(threads), end(threads)));
    }
    static ino_t inode(const std::string& path) {
        struct stat about {};
        EXPECT_EQ(stat(path.c_str(), &about), 0);
        return about.st_ino;
    }
    // Whether all of the processes run this very file, not one that was replaced.
    static bool all_run(const std::vector<pid_t>& pids, const std::string& path) {
        for (const pid_t pid : pids) {
            struct stat about {};
            if (stat(("/proc/" + std::to_string(pid) + "/exe").c_str(), &about) ||
                about.st_ino != inode(path))
                return false;
        }
        return !pids.empty();
    }
};

// The program is replaced on disk by another build under checked writes, and told to reload: the
// new workers run the new program, the old ones end, there is no error. For comparison all workers
// are killed as well.
TEST_F(Reload, BringsInAnotherBuildUnderFio) {
    const auto duration = in_form(60s, 10s);
    allow_time(duration + 300s);
    TestDevice device(full_config(64 * mib));
    const std::string program = folder() + "/userblkctl";
    std::filesystem::copy_file(built("userblkctl"), program);
    const std::string store = "delay=1ms,file:" + make_file("store.img", 64 * mib);
    Supervisor serve(device, store, 4, {}, program);
    EXPECT_TRUE(answers(device));
    Fio fio({.target = device.block_path(),
             .size = "24m",
             .runtime = duration,
             .latency_log = folder() + "/fio"});
    ASSERT_TRUE(fio.await_traffic(device));

    std::this_thread::sleep_for(2s); // to compare with
    const std::vector<pid_t> old = serve.workers();
    const ino_t old_program = inode(program);
    std::filesystem::copy_file(built("userblkctl"), program + ".new");
    shell("echo another build >>\"$1.new\"; mv \"$1.new\" \"$1\"", {program});
    ASSERT_NE(inode(program), old_program);
    const auto from = std::chrono::system_clock::now();
    succeed({program, "reload", device.name()}, 2 * patience);
    EXPECT_TRUE(eventually([&] {
        return std::none_of(old.begin(), old.end(), lives) && serve.workers().size() >= 4;
    })) << serve.program().err();
    const auto to = std::chrono::system_clock::now();
    EXPECT_TRUE(all_run(serve.workers(), program))
        << testing::PrintToString(programs(serve.workers())) << serve.program().err();
    EXPECT_EQ(info(device.control()).put_back, 0u) << "a reload is no death";

    std::vector<Blow> blows;
    while (blows.size() < 3 && fio.running()) {
        await_taken(device, 1s);
        blows.push_back(strike(
            device, [&] { serve.kill_workers(); },
            [&] {
                await_healed(device);
                std::this_thread::sleep_for(1s);
            }));
    }
    fio.finish();
    EXPECT_EQ(info(device.control()).errors, 0u);
    figure("reload, longest operation before it",
           std::vector<double>{fio.longest_during(from - 2s, from)});
    figure("reload, pause", std::vector<double>{fio.longest_during(from, to)});
    figure("reload, pause after a kill of all workers for comparison", fio.pauses(blows));
    serve.stop();
}

// Several reloads in a row without a change of the program.
TEST_F(Reload, CanBeRepeated) {
    allow_time(240s);
    TestDevice device(full_config(64 * mib));
    Supervisor serve(device, "mem:", 2);
    EXPECT_TRUE(answers(device));
    EXPECT_EQ(device.write(0, pattern(4096, 1))->result(), 0);
    for (int round = 0; round < 3; round++) {
        const std::vector<pid_t> old = serve.workers();
        succeed({built("userblkctl"), "reload", device.name()}, 2 * patience);
        EXPECT_TRUE(eventually([&] {
            for (const pid_t pid : old)
                if (process_state(pid) && process_state(pid) != 'Z')
                    return false;
            return true;
        })) << serve.program().err();
        EXPECT_EQ(device.read(0, 4096)->data().size(), 4096u);
    }
    const Io reader = device.read(0, 4096);
    EXPECT_EQ(reader->result(), 0);
    EXPECT_EQ(reader->data(), pattern(4096, 1));
    serve.stop();
}

// fio writes and verifies while the options change, one after the other and several at once: more
// workers and fewer, threads, the way that the data go, decorators before the store. There is no
// error, each option is in force as soon as the command says so, and those that were not given
// stay.
TEST_F(Reload, ChangesOptionsUnderFio) {
    allow_time(400s);
    auto config = full_config(64 * mib);
    config.flags |= USERBLK_F_REDIRECT;
    TestDevice device(config);
    const std::string store = "file:" + make_file("store.img", 64 * mib);
    Supervisor serve(device, store, 2);
    EXPECT_TRUE(answers(device));
    Fio fio({.target = device.block_path(),
             .size = "24m",
             .depth = 32,
             .runtime = in_form(90s, 40s),
             .latency_log = folder() + "/fio"});
    ASSERT_TRUE(fio.await_traffic(device));
    const auto from = std::chrono::system_clock::now();
    reload(device, {"--workers", "4"});
    EXPECT_EQ(eventual_workers(serve, 5), 5u) << serve.program().err();
    reload(device, {"--threads=2", "--spares", "0"});
    EXPECT_EQ(eventual_workers(serve, 4), 4u);
    EXPECT_EQ(threads_of(serve.workers()[0]), 2u);
    reload(device, {"--redirect", "--workers=2"});
    EXPECT_TRUE(answers(device));
    EXPECT_GT(info(device.control()).redirects, 0u);
    reload(device, {"--redirect=false", "delay=1us," + store});
    EXPECT_EQ(eventual_workers(serve, 2), 2u);
    EXPECT_EQ(threads_of(serve.workers()[0]), 2u);
    const auto to = std::chrono::system_clock::now();
    EXPECT_EQ(info(device.control()).put_back, 0u) << "a reload is no death";
    // What is in force is said to others.
    const std::string said = succeed({"cat", "/run/userblk/" + std::to_string(device.number()) +
                                                 "." + std::to_string(serve.pid())});
    EXPECT_NE(said.find("workers=2\nthreads=2\n"), std::string::npos) << said;
    EXPECT_NE(said.find("store=delay=1us," + store), std::string::npos) << said;
    // Back to what serve would take, without saying it.
    reload(device, {"--defaults", "--workers=2"});
    EXPECT_EQ(eventual_workers(serve, 3), 3u);
    EXPECT_EQ(threads_of(serve.workers()[0]), 1u);
    // And a plain reload keeps it.
    reload(device, {});
    EXPECT_EQ(eventual_workers(serve, 3), 3u);
    fio.finish();
    EXPECT_EQ(info(device.control()).errors, 0u);
    figure("reloads with other options, pause", std::vector<double>{fio.longest_during(from, to)});
    serve.stop();
}

// What would not come up is refused, with the reason, and everything is as before: an option that
// is none, a store that is not there, too small, another device's, or cannot be written; a user
// whom nobody knows; a program that is no program any more. Nothing of it is met by fio.
TEST_F(Reload, WithABadConfigurationChangesNothing) {
    allow_time(400s);
    TestDevice device(full_config(64 * mib));
    TestDevice other(full_config(mib));
    const std::string program = folder() + "/userblkctl";
    std::filesystem::copy_file(built("userblkctl"), program);
    const std::string store = "file:" + make_file("store.img", 64 * mib);
    const std::string log = folder() + "/log";
    Supervisor serve(device, store, 2, {"--log", "file:" + log}, program);
    Supervisor others(other, "file:" + make_file("others.img", 64 * mib), 1);
    EXPECT_TRUE(answers(device));
    EXPECT_TRUE(answers(other));
    Fio fio({.target = device.block_path(), .size = "24m", .runtime = in_form(60s, 20s)});
    ASSERT_TRUE(fio.await_traffic(device));
    const std::vector<pid_t> workers = serve.workers();
    const auto refused = [&](const Arguments& change, const std::string& why, int status = 1) {
        Arguments argv{built("userblkctl"), "reload", device.name()};
        argv.insert(argv.end(), change.begin(), change.end());
        const Outcome outcome = run(argv, 3 * patience);
        EXPECT_EQ(outcome.status, status) << outcome.text();
        EXPECT_NE(outcome.err.find(why), std::string::npos) << outcome.err;
        EXPECT_EQ(std::count_if(workers.begin(), workers.end(), lives),
                  static_cast<std::ptrdiff_t>(workers.size()))
            << outcome.err;
    };
    make_file("small.img", mib);
    refused({"file:" + folder() + "/nowhere"}, "nowhere");
    refused({"file:" + folder() + "/small.img"}, "small.img");
    refused({"file:" + folder() + "/others.img"}, other.name());
    refused({"mem:"}, "does not have the data");
    refused({"log,null:"}, "does not have the data");
    refused({"--log", "file:/nowhere/log"}, "/nowhere/log");
    refused({"--direct"}, "--redirect");
    refused({"--user", "no such user"}, "no such user", 2);
    refused({"--workers", "0"}, "--workers", 2);
    refused({"--size", "1G"}, "--size", 2);
    shell("echo no program >\"$1.new\"; chmod +x \"$1.new\"; mv \"$1.new\" \"$1\"", {program});
    refused({"--workers", "3"}, "execut");
    refused({}, "execut");
    // A signal has nobody to tell but the log.
    serve.program().signal(SIGHUP);
    const std::string logged = succeed({"cat", log});
    EXPECT_NE(logged.find("reload failed"), std::string::npos) << logged;
    EXPECT_NE(logged.find("nowhere"), std::string::npos) << logged;
    // With the program there again it reloads as it was.
    shell("cp \"$2\" \"$1.new\"; mv \"$1.new\" \"$1\"", {program, built("userblkctl")});
    reload(device, {});
    EXPECT_EQ(eventual_workers(serve, 3), 3u);
    fio.finish();
    EXPECT_EQ(info(device.control()).errors, 0u);
    serve.stop();
    others.stop();
}

// Memory without a name is new and empty, also for a device that is served from named memory.
TEST_F(Reload, OntoEmptyMemoryIsRefused) {
    allow_time(240s);
    TestDevice device(full_config(16 * mib));
    const std::string named = "mem:reload-" + std::to_string(getpid());
    Supervisor serve(device, named, 2);
    EXPECT_TRUE(answers(device));
    for (const auto* store : {"mem:", "null:", "log,mem:"}) {
        const Outcome outcome = run({built("userblkctl"), "reload", device.name(), store});
        EXPECT_EQ(outcome.status, 1) << outcome.text();
        EXPECT_NE(outcome.err.find("does not have the data"), std::string::npos) << outcome.err;
    }
    reload(device, {named});
    serve.stop();
    succeed({built("userblkctl"), "remove", named});
}

// The new options pass the check, and yet the new workers do not start, since the store is gone by
// then: the supervisor goes back to the options that it had, which are in force from then on.
TEST_F(Reload, GoesBackWhenWorkersDoNotStart) {
    allow_time(240s);
    TestDevice device(full_config(16 * mib));
    const std::string program = folder() + "/program";
    const std::string copy = make_file("copy.img", 16 * mib);
    std::ofstream(program) << "#!/bin/bash\n"
                              "[[ $* == *--check* || $* != *copy.img* ]] || rm "
                           << copy << "\nexec -a \"$0\" " << built("userblkctl") << " \"$@\"\n";
    shell("chmod +x \"$1\"", {program});
    Supervisor serve(device, "file:" + make_file("store.img", 16 * mib), 2, {}, program);
    EXPECT_TRUE(answers(device));
    EXPECT_EQ(device.write(0, pattern(4096, 1))->result(), 0);
    const std::vector<pid_t> workers = serve.workers();
    const Outcome outcome = run(
        {built("userblkctl"), "reload", device.name(), "file:" + copy, "-w", "5"}, 3 * patience);
    EXPECT_EQ(outcome.status, 1) << outcome.text();
    EXPECT_NE(outcome.err.find("copy.img"), std::string::npos) << outcome.err;
    EXPECT_EQ(eventual_workers(serve, 3), 3u) << serve.program().err();
    EXPECT_EQ(std::count_if(workers.begin(), workers.end(), lives), 2) << "all but the spare";
    serve.kill_workers();
    const Io reader = device.read(0, 4096);
    EXPECT_EQ(reader->result(), 0) << serve.program().err();
    EXPECT_EQ(reader->data(), pattern(4096, 1));
    serve.stop();
}

// A device's file system is frozen, its file copied, and the copy is what it is served from
// afterwards, while somebody reads and verifies all the time. The old file is free then.
TEST_F(Reload, GoesOverToACopy) {
    allow_time(300s);
    TestDevice device(full_config(32 * mib));
    const std::string old_file = make_file("old.img", 32 * mib);
    Supervisor serve(device, "file:" + old_file, 2);
    EXPECT_TRUE(answers(device));
    const FioJob job{.target = device.block_path(), .size = "8m", .pattern = "write"};
    verify_with_fio(job);
    shell("cp --sparse=always \"$1\" \"$2\"", {old_file, folder() + "/new.img"});
    const std::string read =
        R"sh(sum() { dd if="$1" bs=1M count=8 iflag=direct status=none | sha256sum; }
             first=$(sum "$1")
             until [ -e "$2" ]; do [ "$first" = "$(sum "$1")" ]; done)sh";
    Program reader({"bash", "-euc", read, "reader", device.block_path(), folder() + "/stop"});
    reload(device, {"file:" + folder() + "/new.img"});
    make_file("stop", 0);
    const Outcome outcome = reader.wait();
    EXPECT_EQ(outcome.status, 0) << outcome.text();
    // What is written goes to the new one, and the old one is free.
    EXPECT_EQ(device.write(0, pattern(4096, 3))->result(), 0);
    shell("! cmp -n 4096 -s \"$1\" \"$2\"", {old_file, folder() + "/new.img"});
    TestDevice second(full_config(32 * mib));
    Supervisor free(second, "file:" + old_file, 1);
    EXPECT_TRUE(answers(second));
    EXPECT_EQ(info(device.control()).errors, 0u);
    // Beside another supervisor's workers, which would keep the old one, it is refused.
    Supervisor joined(device, "file:" + folder() + "/new.img", 1);
    const std::string third = "file:" + make_file("other.img", 32 * mib);
    const Outcome refused =
        run({built("userblkctl"), "reload", device.name(), third}, 3 * patience);
    EXPECT_EQ(refused.status, 1) << refused.text();
    joined.stop();
    free.stop();
    serve.stop();
}

// The folder that it was started in is gone, and all that was named by paths from there.
TEST_F(Reload, NeedsNotTheFolderThatItWasStartedIn) {
    TestDevice device(full_config(16 * mib));
    make_file("store.img", 16 * mib);
    std::filesystem::create_directory(folder() + "/here");
    Program serve({built("userblkctl"), "serve", device.name(), "file:../store.img", "-w", "1",
                   "--log", "file:../log"},
                  [&] { std::filesystem::current_path(folder() + "/here"); });
    EXPECT_TRUE(answers(device)) << serve.err();
    std::filesystem::remove(folder() + "/here");
    const auto old = children_of(serve.pid());
    reload(device, {});
    reload(device, {"--workers", "2"});
    EXPECT_TRUE(std::none_of(old.begin(), old.end(), lives));
    EXPECT_TRUE(answers(device));
    serve.signal(SIGTERM);
    EXPECT_EQ(serve.wait().status, 0) << serve.err() << succeed({"cat", folder() + "/log"});
}

// A user without privileges serves a device of its own: it and root can reload, nobody else.
TEST_F(Reload, OfAnUnprivilegedSupervisor) {
    allow_time(240s);
    auto config = full_config(16 * mib);
    config.uid = 65534;
    TestDevice device(config);
    const auto become = [](uid_t user) {
        return [user] {
            if (setgroups(0, nullptr) || setgid(user) || setuid(user))
                throw_errno("unable to become another user");
        };
    };
    shell(
        "mkdir -p /run/userblk; chmod 1777 /run/userblk"); // as every device made by a tool has it
    Program serve({built("userblkctl"), "serve", device.name(), "null:", "-w", "1"}, become(65534));
    EXPECT_TRUE(answers(device)) << serve.err();
    const Arguments argv{built("userblkctl"), "reload", device.name(), "--workers", "3"};
    const Outcome stranger = run(argv, 3 * patience, become(65533));
    EXPECT_EQ(stranger.status, 1) << stranger.text();
    EXPECT_EQ(run(argv, 3 * patience, become(65534)).status, 0) << serve.err();
    EXPECT_TRUE(eventually([&] { return children_of(serve.pid()).size() == 4; })) << serve.err();
    reload(device, {"--workers", "1"});
    EXPECT_TRUE(eventually([&] { return children_of(serve.pid()).size() == 2; })) << serve.err();
    // What it may not do it says, and what would help, in the background as well.
    EXPECT_NE(serve.err().find("CAP_SYS_RESOURCE"), std::string::npos) << serve.err();
    const Outcome detached = run({built("userblkctl"), "serve", device.name(), "null:", "--detach",
                                  "--log", "file:/dev/null"},
                                 3 * patience, become(65534));
    EXPECT_EQ(detached.status, 0) << detached.text();
    EXPECT_NE(detached.err.find("warning: unable to exempt memory allocation"), std::string::npos)
        << detached.err;
    serve.signal(SIGTERM);
    EXPECT_EQ(serve.wait().status, 0) << serve.err();
}

// A store takes its time to open, as one does that has a log to replay: longer than anybody would
// call usual, which the log says. It is waited for, and serves.
TEST_F(Reload, AndBeginningWaitForASlowStore) {
    allow_time(240s);
    TestDevice device(full_config(mib));
    Program driver({built("troubled_driver"), device.name(), "null:", "1", "1", "slow", "0",
                    folder() + "/open"});
    EXPECT_TRUE(eventually(
        [&] { return driver.err().find("is still opening its store") != std::string::npos; },
        3 * patience))
        << driver.err();
    make_file("open", 0);
    EXPECT_TRUE(answers(device)) << driver.err();
    EXPECT_EQ(driver.err().find("kill"), std::string::npos) << driver.err();
    driver.signal(SIGTERM);
    EXPECT_EQ(driver.wait().status, 0) << driver.err();
}

// Where there is nobody to reload, it is said, with status 1.
TEST_F(Reload, OfADeviceThatNobodyServesIsAnError) {
    TestDevice device(full_config(64 * mib));
    const Outcome outcome = run({built("userblkctl"), "reload", device.name()});
    EXPECT_EQ(outcome.status, 1) << outcome.text();
    EXPECT_NE(outcome.err.find(device.name()), std::string::npos) << outcome.err;
}

} // namespace userblk::test
