// SPDX-License-Identifier: MIT
//
// Takers in pid namespaces of their own (containers): which pids others see, and that their death
// is reported everywhere.
#include <csignal>
#include <functional>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/support/kernel_test.hpp"

namespace userblk::test {

class PidNamespace : public KernelTest {
protected:
    TestDevice device;
    Io io = device.read(0, 4096);

    // Runs the body as pid 1 of a new namespace; returns its exit status.
    static int in_new_namespace(const std::function<int()>& body) {
        if (unshare(CLONE_NEWPID))
            return 80;
        const pid_t pid = fork();
        if (!pid) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            _exit(body());
        }
        int status = 0;
        waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 81;
    }
    // A process in such a namespace that takes a request and exits when told to.
    Child taker() {
        Child child([this](ChildSide& side) {
            return in_new_namespace([&] {
                take(device.control());
                side.tell(static_cast<std::uint64_t>(getpid()));
                side.await();
                return 0;
            });
        });
        EXPECT_EQ(child.await(), 1u) << "as it sees itself";
        return child;
    }
};

// A process outside sees the taker's pid and can reset by it.
TEST_F(PidNamespace, TakerIsSeenFromOutside) {
    Child inside = taker();
    const std::vector<userblk_taken> list = taken_list(device.control());
    ASSERT_EQ(list.size(), 1u);
    EXPECT_GT(list[0].pid, 1);
    EXPECT_NE(list[0].pid, inside.pid());
    EXPECT_EQ(reset_pid(device.control(), 1).count, 0u) << "its number inside";
    EXPECT_EQ(reset_pid(device.control(), list[0].pid).count, 1u);
    inside.tell();
    EXPECT_EQ(inside.wait(), 0);
}

// From another namespace the taker has no pid; pids are those of the caller's namespace.
TEST_F(PidNamespace, TakerIsNotSeenFromAnother) {
    Child inside = taker();
    const int outside_number = taken_list(device.control()).at(0).pid;
    Child stranger([&](ChildSide&) {
        return in_new_namespace([&] {
            const std::vector<userblk_taken> list = taken_list(device.control());
            if (list.size() != 1 || list[0].pid != 0)
                return 1;
            if (reset_pid(device.control(), outside_number).count)
                return 2;
            return reset_pid(device.control(), 1).count ? 3 : 0;
        });
    });
    EXPECT_EQ(stranger.wait(), 0);
    EXPECT_EQ(info(device.control()).taken, 1u);
    inside.tell();
    EXPECT_EQ(inside.wait(), 0);
}

// Its death wakes a poller outside, which puts its request back.
TEST_F(PidNamespace, DeathIsReportedOutside) {
    Child inside = taker();
    Child healer([this](ChildSide& side) {
        side.tell();
        if (!(poll_events(device.control(), POLLPRI, -1) & POLLPRI))
            return 90;
        return static_cast<int>(reset_dead(device.control()).count);
    });
    healer.await();
    EXPECT_TRUE(eventually_sleeps(healer.pid()));
    inside.tell();
    EXPECT_EQ(healer.wait(), 1);
    EXPECT_EQ(inside.wait(), 0);
    EXPECT_EQ(take(device.control()).deliveries, 2u);
}

} // namespace userblk::test
