// SPDX-License-Identifier: MIT
//
// "userblkctl reload": another build, other options or another store under load, and what becomes
// of a reload that fails.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/process.hpp"
#include "tests/system/support/fio.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

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
    EXPECT_EQ(threads_of(serve.workers()[0]).size(), 2u);
    reload(device, {"--redirect", "--workers=2"});
    EXPECT_TRUE(answers(device));
    EXPECT_GT(info(device.control()).redirects, 0u);
    reload(device, {"--redirect=false", "delay=1us," + store});
    EXPECT_EQ(eventual_workers(serve, 2), 2u);
    EXPECT_EQ(threads_of(serve.workers()[0]).size(), 2u);
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
    EXPECT_EQ(threads_of(serve.workers()[0]).size(), 1u);
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
    wrap_userblkctl(program, "[[ $* == *--check* || $* != *copy.img* ]] || rm " + copy);
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

// A program passes the check, and fails as soon as it has been executed: it finds no control node,
// or does not know an option, as another build may not. The previous program is executed again,
// also if the options are the same. The workers serve all the time, whoever reloads is told, and
// the supervisor is one again that replaces the dead.
TEST_F(Reload, GoesBackWhenTheProgramDoesNotTakeOver) {
    allow_time(400s);
    TestDevice device(full_config(16 * mib));
    const std::string program = folder() + "/program", fault = folder() + "/fault";
    const std::string node = device.control_path(), aside = node + ".aside"; // still devtmpfs's
    wrap_userblkctl(program, "[ ! -e " + aside + " ] || mv " + aside + " " + node +
                                 "\nif [[ $* != *--check* && -e " + fault + " ]]; then . " + fault +
                                 "; fi");
    Supervisor serve(device, "file:" + make_file("store.img", 16 * mib), 2, {}, program);
    EXPECT_TRUE(answers(device));
    EXPECT_EQ(device.write(0, pattern(4096, 1))->result(), 0);
    struct Fault {
        std::string script, error;
    };
    const Fault faults[] = {
        {"rm " + fault + "; mv " + node + " " + aside, "no such device"},
        {"rm " + fault + "; set -- \"$@\" --no-such-option", "--no-such-option"},
        {"rm " + fault + "; set -- \"$@\" --keep", "--keep"}};
    for (const auto& [script, error] : faults)
        for (const Arguments& change : {Arguments{}, Arguments{"--workers", "5"}}) {
            std::ofstream(fault) << script << "\n";
            const std::vector<pid_t> workers = serve.workers();
            Arguments command{"reload", device.name()};
            command.insert(command.end(), change.begin(), change.end());
            const Outcome outcome = ctl(command);
            EXPECT_EQ(outcome.status, 1) << outcome.text();
            EXPECT_TRUE(has(outcome.err, error)) << outcome.err;
            EXPECT_EQ(eventual_workers(serve, 3), 3u) << serve.program().err();
            EXPECT_EQ(std::count_if(workers.begin(), workers.end(), lives), 2)
                << "all but the spare";
        }
    serve.kill_workers();
    const Io reader = device.read(0, 4096);
    EXPECT_EQ(reader->result(), 0) << serve.program().err();
    EXPECT_EQ(reader->data(), pattern(4096, 1));
    serve.stop();
}

// One of two supervisors of a device is being executed anew, and not yet there, while the other one
// is reloaded: the workers of the first are not left behind, and serve on.
TEST_F(Reload, BesideAnotherLeavesItsWorkersAlone) {
    allow_time(240s);
    TestDevice device(full_config(16 * mib));
    const std::string program = folder() + "/program", hold = folder() + "/hold";
    wrap_userblkctl(program, "if [[ $* != *--check* && -e " + hold + " ]]; then\n touch " + hold +
                                 "ing\n while [ -e " + hold + " ]; do sleep 0.05; done\nfi");
    const std::string store = "file:" + make_file("store.img", 16 * mib);
    Supervisor first(device, store, 2, {"--spares", "0"}, program);
    EXPECT_EQ(eventual_workers(first, 2), 2u);
    Supervisor second(device, store, 1);
    EXPECT_TRUE(answers(device));
    EXPECT_TRUE(eventually([&] { return info(device.control()).servers == 3; }));
    const auto workers = first.workers();
    make_file("hold", 0);
    first.program().signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(hold + "ing"); }));
    EXPECT_FALSE(has(ctl({"info", device.name()}).out, "left behind"));
    const Outcome reloaded = ctl({"reload", device.name()});
    EXPECT_EQ(reloaded.status, 0) << reloaded.text();
    EXPECT_EQ(std::count_if(workers.begin(), workers.end(), lives), 2);
    std::filesystem::remove(hold);
    EXPECT_TRUE(eventually([&] { return std::none_of(workers.begin(), workers.end(), lives); }))
        << first.program().err();
    EXPECT_TRUE(answers(device));
    first.stop();
    second.stop();
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
