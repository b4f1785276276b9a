// SPDX-License-Identifier: MIT
//
// Workers under "userblkctl serve" that die, also together with it; userblk-recover; reload.
#include <algorithm>
#include <filesystem>
#include <set>

#include <sys/stat.h>

#include "tests/support/process.hpp"
#include "tests/system/fio.hpp"
#include "tests/system/system_test.hpp"

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

// Where there is nobody to reload, it is said, with status 1.
TEST_F(Reload, OfADeviceThatNobodyServesIsAnError) {
    TestDevice device(full_config(64 * mib));
    const Outcome outcome = run({built("userblkctl"), "reload", device.name()});
    EXPECT_EQ(outcome.status, 1) << outcome.text();
    EXPECT_NE(outcome.err.find(device.name()), std::string::npos) << outcome.err;
}

} // namespace userblk::test
