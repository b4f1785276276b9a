// SPDX-License-Identifier: MIT
//
// SIGTERM to "userblkctl serve", to one of its workers, or to all of them at once.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/process.hpp"
#include "tests/system/support/drivers.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class StopSignal : public SystemTest {
protected:
    // As timeout(1) does: to the supervisor, and to all of its process group.
    static void to_everybody(const Program& program) {
        program.signal(SIGTERM);
        ::kill(-program.pid(), SIGTERM);
    }
    // Copies of the sockets of another process, which keep them open.
    static std::vector<Fd> sockets_of(pid_t pid) {
        const Fd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
        std::vector<Fd> sockets;
        for (const auto& entry :
             std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
            if (std::filesystem::read_symlink(entry).native().starts_with("socket:")) {
                const int number = std::stoi(entry.path().filename());
                sockets.emplace_back(
                    static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), number, 0)));
            }
        return sockets;
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
    EXPECT_TRUE(has(serve.program().err(), "worker " + std::to_string(one) + " got SIGTERM"))
        << serve.program().err();
    const auto workers = serve.workers();
    serve.program().kill();
    for (const pid_t worker : workers) {
        ::kill(worker, SIGTERM);
        EXPECT_TRUE(eventually([&] { return !lives(worker); }));
    }
    EXPECT_EQ(info(device.control()).put_back, 0u);
}

// A supervisor is killed right after it has forked a worker, which has not closed what it
// inherited: the sockets to the other workers. These workers stop on SIGTERM even so.
TEST_F(StopSignal, StopsAWorkerWhoseDeadSupervisorsSocketIsStillOpen) {
    TestDevice device(full_config(mib));
    Supervisor serve(device, "mem:", 2, {"--spares", "0"});
    EXPECT_TRUE(answers(device));
    const auto workers = serve.workers();
    const auto inherited = sockets_of(serve.pid());
    EXPECT_GE(inherited.size(), workers.size());
    serve.program().kill();
    for (const pid_t worker : workers) {
        ::kill(worker, SIGTERM);
        EXPECT_TRUE(eventually([&] { return !lives(worker); }));
    }
    EXPECT_EQ(info(device.control()).put_back, 0u);
}

// A reload has passed its check, SIGTERM arrives, and then the new workers do not start. The
// supervisor executes the previous program again, which must stop too: while the device is open the
// workers serve, and afterwards everything exits in order.
TEST_F(StopSignal, OutlastsAReloadThatGoesBack) {
    allow_time(240s);
    const std::string copy = make_file("copy.img", 16 * mib), program = folder() + "/program";
    wrap_userblkctl(program,
                    "[[ $* == *--check* || $* != *copy.img* ]] || { rm " + copy + "; kill $$; }");
    Program serve({program, "serve", "--create", "file:" + make_file("store.img", 16 * mib)});
    ASSERT_TRUE(eventually([&] { return !serve.out().empty() || !serve.running(); }))
        << serve.err();
    Fd held(open("/dev/userblk0", O_RDWR | O_CLOEXEC));
    const Outcome reload = ctl({"reload", "userblk0", "file:" + copy});
    EXPECT_EQ(reload.status, 1) << reload.text();
    EXPECT_TRUE(has(reload.err, "copy.img")) << reload.err;
    shell("dd if=/dev/userblk0 of=/dev/null bs=4k count=16 iflag=direct status=none");
    EXPECT_TRUE(serve.running());
    held.reset();
    const Outcome outcome = serve.wait();
    EXPECT_EQ(outcome.status, 0) << outcome.text();
    EXPECT_TRUE(list_devices().empty());
}

// SIGTERM and the success of a reload's check arrive together: the supervisor does not execute the
// new program, the reload fails with that reason, and everything exits.
TEST_F(StopSignal, GoesBeforeAReloadWhoseCheckHasPassed) {
    allow_time(240s);
    const std::string program = folder() + "/program", checking = folder() + "/checking";
    wrap_userblkctl(program, "if [[ $* == *--check* ]]; then\n echo $$ >" + checking + ".new; mv " +
                                 checking + ".new " + checking + "\n until [ -e " + folder() +
                                 "/go ]; do sleep 0.05; done\nfi");
    Program serve({program, "serve", "--create", "mem:", "--size", "16M"});
    ASSERT_TRUE(eventually([&] { return !serve.out().empty() || !serve.running(); }))
        << serve.err();
    Fd held(open("/dev/userblk0", O_RDWR | O_CLOEXEC));
    Program reload({built("userblkctl"), "reload", "userblk0"});
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(checking); })) << serve.err();
    const pid_t check = std::stoi(read_setting(checking));
    serve.signal(SIGSTOP);
    EXPECT_TRUE(eventually_in_state(serve.pid(), 'T'));
    serve.signal(SIGTERM);
    make_file("go", 0);
    EXPECT_TRUE(eventually_in_state(check, 'Z'));
    serve.signal(SIGCONT);
    const Outcome refused = reload.wait();
    EXPECT_EQ(refused.status, 1) << refused.text();
    EXPECT_TRUE(has(refused.err, "the supervisor is about to stop")) << refused.err;
    held.reset();
    const Outcome outcome = serve.wait();
    EXPECT_EQ(outcome.status, 0) << outcome.text();
    EXPECT_TRUE(list_devices().empty());
}

// Three threads of a worker sleep in SERVE. SIGTERM ends their waits by WAKE alone: the worker has
// no handler for another signal, and its threads no timers.
TEST_F(StopSignal, EndsWaitsWithoutFurtherSignals) {
    TestDevice device(full_config(16 * mib));
    Program worker({built("lone_worker"), std::to_string(device.number()), "mem:", "3", "serve"});
    ASSERT_TRUE(eventually([&] { return !worker.out().empty() || !worker.running(); }))
        << worker.err();
    EXPECT_TRUE(eventually([&] { return threads_of(worker.pid()).size() == 3; }));
    for (const pid_t thread : threads_of(worker.pid()))
        EXPECT_TRUE(eventually_sleeps(thread));
    const std::string folder = "/proc/" + std::to_string(worker.pid());
    const auto caught = shell("awk '/^SigCgt/ {print $2}' $1/status", {folder});
    EXPECT_EQ(std::stoull(caught, nullptr, 16) >> (SIGURG - 1) & 1, 0u) << caught;
    EXPECT_EQ(shell("cat $1/timers", {folder}), "");
    worker.signal(SIGTERM);
    const Outcome outcome = worker.wait();
    EXPECT_EQ(outcome.status, 0) << outcome.text();
}

} // namespace userblk::test
