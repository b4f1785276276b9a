// SPDX-License-Identifier: MIT
#include "userblk/supervisor/worker_process.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace userblk {
namespace {

constexpr std::uint32_t no_device = 4095;

WorkerProcess start(const WorkerSetup& setup) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    abi::FileDescriptor ours(ends[0]), theirs(ends[1]);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ours.reset();
        run_worker_process(setup, std::move(theirs));
    }
    return WorkerProcess(pid, std::move(ours), WorkerProcess::State::starting, 0);
}

void wait_for(int fd) {
    pollfd entry{fd, POLLIN, 0};
    ASSERT_EQ(::poll(&entry, 1, 10'000), 1);
}

// A worker cannot open its device: the supervisor gets the reason, in words, and sees it exit.
TEST(WorkerProcess, OneThatCannotStartReportsWhy) {
    auto worker = start({.number = no_device,
                         .factory = {},
                         .options = {},
                         .lock_memory = false,
                         .scheduling = Scheduling::unchanged,
                         .run_as = {}});
    wait_for(worker.channel());
    const auto message = worker.receive();
    ASSERT_TRUE(message);
    EXPECT_FALSE(message->ready);
    EXPECT_NE(message->text.find("/dev/userblkc4095"), std::string::npos) << message->text;
    wait_for(worker.pidfd());
    const auto status = worker.reap();
    ASSERT_TRUE(status);
    EXPECT_EQ(describe_exit(*status), "exited with status 1");
    EXPECT_FALSE(worker.receive());
    EXPECT_TRUE(worker.reported_end());
    EXPECT_FALSE(worker.ended_in_order(*status));
    EXPECT_EQ(worker.describe_end(*status), "exited with status 1");
}

// ps shows whose worker a process is, and of which device: a long name of the program is cut, the
// number never.
TEST(WorkerProcess, IsNamedAfterItsProgramAndDevice) {
    for (const auto& [program, name] :
         {std::pair("ram", "ram-w4095"), std::pair("a_driver_of_my_own", "a_driver_-w4095")}) {
        auto worker = start({.number = no_device,
                             .factory = {},
                             .options = {},
                             .lock_memory = false,
                             .scheduling = Scheduling::unchanged,
                             .run_as = {},
                             .program = program});
        wait_for(worker.pidfd()); // it keeps its name until it is reaped
        std::string shown;
        std::getline(std::ifstream("/proc/" + std::to_string(worker.pid()) + "/comm"), shown);
        EXPECT_EQ(shown, name);
        EXPECT_TRUE(worker.reap());
    }
}

// Backend code ends its worker by exit(), also with statuses that workers use. None counts as an
// orderly exit, and each is reported with its status.
TEST(WorkerProcess, AnExitByItsBackendIsNoOrderlyEnd) {
    for (const int code : {worker_stopped, worker_failed, worker_removed}) {
        int ends[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        abi::FileDescriptor ours(ends[0]), theirs(ends[1]);
        const pid_t pid = ::fork();
        if (pid == 0)
            ::_exit(code);
        theirs.reset();
        WorkerProcess worker(pid, std::move(ours), WorkerProcess::State::serving, 0);
        wait_for(worker.pidfd());
        const auto status = worker.reap();
        ASSERT_TRUE(status);
        EXPECT_FALSE(worker.receive());
        EXPECT_FALSE(worker.ended_in_order(*status));
        EXPECT_EQ(worker.describe_end(*status), "exited with status " + std::to_string(code) +
                                                    ", because its backend called exit()");
    }
}

// A killed process is noticed at once, and distinguished from one that exited.
TEST(WorkerProcess, AKilledOneIsSeenAndNamed) {
    const pid_t pid = ::fork();
    if (pid == 0)
        ::pause();
    WorkerProcess worker(pid, {}, WorkerProcess::State::serving, 0);
    EXPECT_FALSE(worker.reap());
    worker.kill();
    wait_for(worker.pidfd());
    const auto status = worker.reap();
    ASSERT_TRUE(status);
    EXPECT_EQ(describe_exit(*status), "was killed by signal 9 (Killed)");
}

} // namespace
} // namespace userblk
