// SPDX-License-Identifier: MIT
//
// The death of a taker: what counts as dead, who is notified, and that nobody has to poll for it.
#include <csignal>
#include <thread>

#include <spawn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/support/kernel_test.hpp"

namespace userblk::test {

class Death : public KernelTest {
protected:
    TestDevice device;
    Io io = device.read(0, 4096);

    // A process that sleeps in poll before a taker dies. It exits with the number of requests that
    // its RESET put back. Nothing else happens on the device.
    Child poller() {
        Child child([this](ChildSide& side) {
            const Fd fd = device.open_control();
            side.tell();
            if (!(poll_events(fd.get(), POLLPRI, -1) & POLLPRI))
                return 90;
            return static_cast<int>(reset_dead(fd.get()).count);
        });
        child.await();
        EXPECT_TRUE(eventually_sleeps(child.pid()));
        return child;
    }
    // The same in SERVE.
    Child server() {
        Child child([this](ChildSide& side) {
            const Fd fd = device.open_control();
            userblk_request request = record();
            userblk_serve argument = serve_argument({}, {&request, 1}, for_ever, USERBLK_GET_WATCH);
            side.tell();
            if (serve(fd.get(), argument) || argument.get.count)
                return 90;
            if (argument.get.flags != USERBLK_GET_ORPHANS)
                return 91;
            return static_cast<int>(reset_dead(fd.get()).count);
        });
        child.await();
        EXPECT_TRUE(eventually_sleeps(child.pid()));
        return child;
    }
    // A process that takes one request and waits for a message.
    Child taker(const std::function<int(ChildSide&, const Fd&)>& then) {
        Child child([&, this](ChildSide& side) {
            const Fd fd = device.open_control();
            take(fd.get());
            side.tell();
            side.await();
            return then(side, fd);
        });
        child.await();
        EXPECT_EQ(info(device.control()).taken, 1u);
        EXPECT_EQ(info(device.control()).orphaned, 0u);
        EXPECT_EQ(poll_events(device.control(), POLLPRI), 0);
        return child;
    }
    Child exiting_taker() {
        return taker([](ChildSide&, const Fd&) { return 0; });
    }
    // The request is queued again, as its second delivery.
    void expect_redelivered() {
        const userblk_request request = take(device.control());
        EXPECT_EQ(request.deliveries, 2u);
        EXPECT_EQ(request.flags, USERBLK_REQ_REDELIVERED);
        EXPECT_EQ(put(device.control(), complete(request.id, -ENOSPC)), 0);
        EXPECT_EQ(io->result(), ENOSPC);
    }
    void expect_alive() {
        EXPECT_EQ(reset_dead(device.control()).count, 0u);
        EXPECT_EQ(info(device.control()).orphaned, 0u);
        EXPECT_EQ(info(device.control()).taken, 1u);
        EXPECT_EQ(poll_events(device.control(), POLLPRI), 0);
    }
};

// The taker exits and nobody reaps it: a zombie is dead. A sleeping poller wakes and puts the
// request back.
TEST_F(Death, UnreapedZombieIsDead) {
    Child dying = exiting_taker();
    Child healer = poller();
    dying.tell();
    EXPECT_EQ(healer.wait(), 1);
    EXPECT_TRUE(eventually_in_state(dying.pid(), 'Z'));
    expect_redelivered();
}

// The same for a process in SERVE that asked for the notification.
TEST_F(Death, WaiterInServeIsNotified) {
    Child dying = exiting_taker();
    Child healer = server();
    dying.tell();
    EXPECT_EQ(healer.wait(), 1);
    expect_redelivered();
}

// A process in SERVE that did not ask for the notification keeps waiting.
TEST_F(Death, WaiterThatDidNotAskIsLeftAlone) {
    Child dying = exiting_taker();
    Child healer = poller();
    Child waiter([this](ChildSide& side) {
        userblk_request request = record();
        side.tell();
        const GetResult result = get(device.control(), {&request, 1}, for_ever);
        if (result.error || result.count != 1)
            return 1;
        return put(device.control(), complete(request.id, -ENOSPC));
    });
    waiter.await();
    EXPECT_TRUE(eventually_sleeps(waiter.pid()));
    dying.tell();
    EXPECT_EQ(healer.wait(), 1);
    EXPECT_EQ(waiter.wait(), 0) << "the reset's request must have woken it";
    EXPECT_EQ(io->result(), ENOSPC);
}

// The taker is killed instead of exiting.
TEST_F(Death, KilledTakerIsDead) {
    Child dying = exiting_taker();
    Child healer = poller();
    dying.signal(SIGKILL);
    EXPECT_EQ(healer.wait(), 1);
    expect_redelivered();
}

// The taker is killed while it is stopped.
TEST_F(Death, TakerKilledWhileStoppedIsDead) {
    Child dying = exiting_taker();
    dying.stop();
    expect_alive();
    Child healer = poller();
    dying.signal(SIGKILL);
    EXPECT_EQ(healer.wait(), 1);
    expect_redelivered();
}

// The taker is killed and reaped: its pid is gone, its requests are still orphans.
TEST_F(Death, ReapedTakerIsDead) {
    Child dying = exiting_taker();
    dying.kill();
    EXPECT_TRUE(poll_events(device.control(), POLLPRI) & POLLPRI);
    EXPECT_EQ(info(device.control()).orphaned, 1u);
    EXPECT_EQ(reset_dead(device.control()).count, 1u);
    EXPECT_EQ(poll_events(device.control(), POLLPRI), 0);
    expect_redelivered();
}

// A living child holds the descriptor through which the taker took: that does not keep the taker
// alive.
TEST_F(Death, LivingChildWithTheDescriptorDoesNotHideIt) {
    Child dying([this](ChildSide& side) {
        const Fd fd = device.open_control();
        const pid_t child = fork();
        if (!child)
            side.sleep_for_ever();
        take(fd.get());
        side.tell(static_cast<std::uint64_t>(child));
        side.await();
        return 0;
    });
    const auto grandchild = static_cast<pid_t>(dying.await());
    Child healer = poller();
    dying.tell();
    EXPECT_EQ(healer.wait(), 1);
    EXPECT_EQ(process_state(grandchild), 'S') << "it should still live";
    expect_redelivered();
    ::kill(grandchild, SIGKILL);
    dying.kill();
    EXPECT_TRUE(eventually([=] { return waitpid(grandchild, nullptr, WNOHANG) == grandchild; }));
}

// The polling process itself inherited the very descriptor through which the taker took: it is
// notified all the same.
TEST_F(Death, InheritedDescriptorReportsItsTakersDeath) {
    const Fd shared = device.open_control();
    Child dying([&](ChildSide& side) {
        take(shared.get());
        side.tell();
        side.await();
        return 0;
    });
    dying.await();
    Child healer([&](ChildSide& side) {
        side.tell();
        if (!(poll_events(shared.get(), POLLPRI, -1) & POLLPRI))
            return 90;
        return static_cast<int>(reset_dead(shared.get()).count);
    });
    healer.await();
    EXPECT_TRUE(eventually_sleeps(healer.pid()));
    dying.tell();
    EXPECT_EQ(healer.wait(), 1);
    expect_redelivered();
}

// The taker executes another program and its descriptor is close-on-exec: the process lives, but
// the taker is dead.
TEST_F(Death, ExecIsDeath) {
    Child dying = taker([](ChildSide&, const Fd&) {
        execlp("sleep", "sleep", "1000", nullptr);
        return 1;
    });
    Child healer = poller();
    dying.tell();
    EXPECT_EQ(healer.wait(), 1);
    EXPECT_NE(process_state(dying.pid()), 'Z') << "the new program should live";
    expect_redelivered();
}

// The same with the notification through SERVE.
TEST_F(Death, ExecIsReportedInServe) {
    Child dying = taker([](ChildSide&, const Fd&) {
        execlp("sleep", "sleep", "1000", nullptr);
        return 1;
    });
    Child healer = server();
    dying.tell();
    EXPECT_EQ(healer.wait(), 1);
    expect_redelivered();
}

// A thread other than the taking one calls exec while the taking one is in the kernel.
TEST_F(Death, ExecByAnotherThreadIsDeath) {
    Child dying([this](ChildSide& side) {
        const Fd fd = device.open_control();
        take(fd.get());
        std::thread other([&] {
            side.tell();
            side.await();
            execlp("sleep", "sleep", "1000", nullptr);
        });
        other.join();
        return 1;
    });
    dying.await();
    Child healer = poller();
    dying.tell();
    EXPECT_EQ(healer.wait(), 1);
    expect_redelivered();
}

// The descriptor stays open across the exec: the taker is dead all the same.
TEST_F(Death, ExecThatKeepsTheDescriptorIsDeath) {
    const Fd shared = device.open_control();
    fcntl(shared.get(), F_SETFD, 0); // stays open across the exec
    Child dying([&](ChildSide& side) {
        take(shared.get());
        side.tell();
        side.await();
        execlp("sleep", "sleep", "1000", nullptr);
        return 1;
    });
    dying.await();
    dying.tell();
    // This exec closed nothing, so nobody need be woken; but a RESET sees it.
    EXPECT_TRUE(eventually([&] { return reset_dead(device.control()).count == 1; }));
    expect_redelivered();
}

// A taker spawns a program: the descriptor is closed in the child, not in the taker.
TEST_F(Death, SpawningAProgramIsNotDeath) {
    Child living = taker([](ChildSide& side, const Fd&) {
        pid_t pid;
        char name[] = "true";
        char* argv[] = {name, nullptr};
        for (int i = 0; i < 3; i++)
            if (posix_spawnp(&pid, name, nullptr, nullptr, argv, environ) ||
                waitpid(pid, nullptr, 0) != pid)
                return 1;
        side.tell();
        side.await();
        return 0;
    });
    living.tell();
    living.await();
    expect_alive();
    living.tell();
    EXPECT_EQ(living.wait(), 0);
}

// An exec that fails changes nothing.
TEST_F(Death, FailedExecIsNotDeath) {
    Child living = taker([](ChildSide& side, const Fd&) {
        execlp("/nonexistent/program", "program", nullptr);
        side.tell();
        side.await();
        return 0;
    });
    living.tell();
    living.await();
    expect_alive();
}

// The first thread exits, another one lives: the process lives, takes and answers.
TEST_F(Death, ExitOfTheFirstThreadIsNotDeath) {
    Child living([this](ChildSide& side) {
        const Fd fd = device.open_control();
        const userblk_request request = take(fd.get());
        std::thread([&side, &fd, request] {
            side.tell();
            side.await();
            _exit(put(fd.get(), complete(request.id, -ENOSPC)));
        }).detach();
        syscall(SYS_exit, 0); // of this thread only
        return 1;
    });
    living.await();
    EXPECT_TRUE(eventually_in_state(living.pid(), 'Z'));
    expect_alive();
    living.tell();
    EXPECT_EQ(io->result(), ENOSPC);
    EXPECT_EQ(living.wait(), 0);
}

// … and once the last thread has exited too, it is dead.
TEST_F(Death, ExitOfTheLastThreadIsDeath) {
    Child dying([this](ChildSide& side) {
        const Fd fd = device.open_control();
        take(fd.get());
        std::thread([&side] {
            side.tell();
            side.await();
            syscall(SYS_exit, 0);
        }).detach();
        syscall(SYS_exit, 0);
        return 1;
    });
    dying.await();
    EXPECT_TRUE(eventually_in_state(dying.pid(), 'Z'));
    Child healer = poller();
    dying.tell();
    EXPECT_EQ(healer.wait(), 1);
    expect_redelivered();
}

// The thread that took exits: its requests belong to the process.
TEST_F(Death, ExitOfTheTakingThreadIsNotDeath) {
    Child living([this](ChildSide& side) {
        const Fd fd = device.open_control();
        userblk_request request{};
        std::thread([&] { request = take(fd.get()); }).join();
        side.tell();
        side.await();
        return put(fd.get(), complete(request.id, -ENOSPC));
    });
    living.await();
    expect_alive();
    EXPECT_EQ(taken_list(device.control()).at(0).pid, living.pid());
    living.tell();
    EXPECT_EQ(living.wait(), 0);
    EXPECT_EQ(io->result(), ENOSPC);
}

// Closing every descriptor is not death: the process may open the node again and answer.
TEST_F(Death, ClosingTheDescriptorIsNotDeath) {
    userblk_request request{};
    {
        const Fd fd = device.open_control();
        request = take(fd.get());
    }
    expect_alive();
    const Fd again = device.open_control();
    EXPECT_EQ(put(again.get(), complete(request.id, -ENOSPC)), 0);
    EXPECT_EQ(io->result(), ENOSPC);
}

// A child of the taker dies: that is another process.
TEST_F(Death, DeathOfAChildIsNotDeath) {
    const userblk_request request = take(device.control());
    Child([](ChildSide&) { return 0; }).wait();
    expect_alive();
    EXPECT_EQ(put(device.control(), complete(request.id, -ENOSPC)), 0);
}

// A taker that has answered everything dies: nobody is notified.
TEST_F(Death, DeathWithoutRequestsIsNotReported) {
    Child dying([this](ChildSide&) {
        const userblk_request request = take(device.control());
        return put(device.control(), complete(request.id, -ENOSPC));
    });
    EXPECT_EQ(dying.wait(), 0);
    EXPECT_EQ(io->result(), ENOSPC);
    EXPECT_EQ(poll_events(device.control(), POLLPRI), 0);
    EXPECT_EQ(reset_dead(device.control()).count, 0u);
    userblk_request request = record();
    const GetResult result = get(device.control(), {&request, 1}, no_wait, USERBLK_GET_WATCH);
    EXPECT_EQ(result.flags, 0u);
}

// A dead taker's request is answered by another process: no orphan is left.
TEST_F(Death, AnsweredRequestIsNoOrphan) {
    Child dying([this](ChildSide& side) {
        const userblk_request request = take(device.control());
        side.tell(request.id);
        return 0;
    });
    const std::uint64_t id = dying.await();
    EXPECT_EQ(dying.wait(), 0);
    EXPECT_TRUE(poll_events(device.control(), POLLPRI) & POLLPRI);
    EXPECT_EQ(put(device.control(), complete(id, -ENOSPC)), 0);
    EXPECT_EQ(io->result(), ENOSPC);
    EXPECT_EQ(poll_events(device.control(), POLLPRI), 0);
    EXPECT_EQ(info(device.control()).orphaned, 0u);
}

// GET reports orphans along with requests, whether the caller asked to watch or not.
TEST_F(Death, GetReportsOrphans) {
    Child dying = exiting_taker();
    dying.kill();
    userblk_request request = record();
    GetResult result = get(device.control(), {&request, 1}, for_ever, USERBLK_GET_WATCH);
    EXPECT_EQ(result.error, 0);
    EXPECT_EQ(result.count, 0u);
    EXPECT_EQ(result.flags, USERBLK_GET_ORPHANS);
    device.read(65536, 4096);
    result = get(device.control(), {&request, 1}, no_wait, USERBLK_GET_WATCH);
    EXPECT_EQ(result.count, 1u);
    EXPECT_EQ(result.flags, USERBLK_GET_ORPHANS);
}

// A request's adopter is its taker: the death of the old one has no effect.
TEST_F(Death, AdoptedRequestIsNoOrphanOfItsOldTaker) {
    Child dying([this](ChildSide& side) {
        side.tell(take(device.control()).id);
        side.await();
        return 0;
    });
    const std::uint64_t id = dying.await();
    EXPECT_EQ(put(device.control(), adopt(id)), 0);
    EXPECT_EQ(taken_list(device.control()).at(0).pid, getpid());
    dying.tell();
    EXPECT_EQ(dying.wait(), 0);
    expect_alive();
    EXPECT_EQ(put(device.control(), complete(id, -ENOSPC)), 0) << "the id stays good";
    EXPECT_EQ(io->result(), ENOSPC);
}

// … and the adopter's death does.
TEST_F(Death, AdoptedRequestIsAnOrphanOfItsAdopter) {
    const userblk_request request = take(device.control());
    Child adopter([&](ChildSide& side) {
        const int result = put(device.control(), adopt(request.id));
        side.tell();
        side.await();
        return result;
    });
    adopter.await();
    EXPECT_EQ(taken_list(device.control()).at(0).pid, adopter.pid());
    Child healer = poller();
    adopter.tell();
    EXPECT_EQ(healer.wait(), 1);
    EXPECT_EQ(adopter.wait(), 0);
    EXPECT_EQ(put(device.control(), complete(request.id, -EIO)), ESTALE);
    expect_redelivered();
}

// An orphan is adopted after its taker's death.
TEST_F(Death, OrphanCanBeAdopted) {
    Child dying([this](ChildSide& side) {
        side.tell(take(device.control()).id);
        return 0;
    });
    const std::uint64_t id = dying.await();
    EXPECT_EQ(dying.wait(), 0);
    EXPECT_EQ(put(device.control(), adopt(id)), 0);
    expect_alive();
}

// A process that took from two devices dies: both report it.
TEST_F(Death, IsReportedAtEveryDevice) {
    TestDevice other;
    const Io other_io = other.read(0, 4096);
    Child dying([&](ChildSide& side) {
        take(device.control());
        take(other.control());
        side.tell();
        side.await();
        return 0;
    });
    dying.await();
    Child healer = poller();
    Child other_healer([&](ChildSide& side) {
        side.tell();
        if (!(poll_events(other.control(), POLLPRI, -1) & POLLPRI))
            return 90;
        return static_cast<int>(reset_dead(other.control()).count);
    });
    other_healer.await();
    EXPECT_TRUE(eventually_sleeps(other_healer.pid()));
    dying.tell();
    EXPECT_EQ(healer.wait(), 1);
    EXPECT_EQ(other_healer.wait(), 1);
    expect_redelivered();
}

// Six takers die at once; RESETs put all of their requests back.
TEST_F(Death, SeveralAtOnce) {
    std::vector<Child> dying;
    for (std::uint64_t i = 1; i < 6; i++)
        device.read(i << 16, 4096);
    for (int i = 0; i < 6; i++) {
        dying.emplace_back([this](ChildSide& side) -> int {
            take(device.control());
            side.tell();
            side.sleep_for_ever();
        });
        dying.back().await();
    }
    EXPECT_EQ(info(device.control()).taken, 6u);
    for (Child& child : dying)
        child.signal(SIGKILL);
    std::uint32_t count = 0;
    EXPECT_TRUE(eventually([&] { return (count += reset_dead(device.control()).count) == 6; }));
    EXPECT_EQ(info(device.control()).queued, 6u);
    EXPECT_EQ(poll_events(device.control(), POLLPRI), 0);
}

// To an edge-triggered epoll a death is one edge.
TEST_F(Death, IsAnEdgeInEpoll) {
    Child dying = exiting_taker();
    const Fd set(epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{};
    event.events = EPOLLPRI | EPOLLET;
    ASSERT_EQ(epoll_ctl(set.get(), EPOLL_CTL_ADD, device.control(), &event), 0);
    EXPECT_EQ(epoll_wait(set.get(), &event, 1, 0), 0);
    dying.tell();
    EXPECT_EQ(epoll_wait(set.get(), &event, 1, static_cast<int>(patience.count())), 1);
    EXPECT_EQ(event.events, std::uint32_t{EPOLLPRI});
}

// The taker died before anybody waited.
TEST_F(Death, IsReportedToLaterPollers) {
    Child dying = exiting_taker();
    dying.kill();
    Child late([this](ChildSide&) {
        const Fd fd = device.open_control();
        if (!(poll_events(fd.get(), POLLPRI, -1) & POLLPRI))
            return 90;
        return static_cast<int>(reset_dead(fd.get()).count);
    });
    EXPECT_EQ(late.wait(), 1);
    expect_redelivered();
}

// A chain: each process that puts back and takes dies in turn.
TEST_F(Death, OneAfterTheOther) {
    for (std::uint32_t i = 1; i <= 5; i++) {
        Child dying([&](ChildSide&) {
            userblk_request request = record();
            if (get(device.control(), {&request, 1}, a_while).count != 1)
                return 1;
            return request.deliveries == i ? 0 : 2;
        });
        EXPECT_EQ(dying.wait(), 0);
        EXPECT_EQ(reset_dead(device.control()).count, 1u);
    }
    const userblk_request request = take(device.control());
    EXPECT_EQ(request.deliveries, 6u);
    EXPECT_EQ(put(device.control(), complete(request.id, -ENOSPC)), 0);
    EXPECT_EQ(io->result(), ENOSPC);
}

} // namespace userblk::test
