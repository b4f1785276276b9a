// SPDX-License-Identifier: MIT
//
// SERVE: answer and take in one call.
#include <csignal>
#include <cstring>
#include <sched.h>

#include "tests/support/kernel_test.hpp"

namespace userblk::test {

class Serve : public KernelTest {};

// One call answers what an earlier one took and takes the next request.
TEST_F(Serve, AnswersAndTakesInOneCall) {
    TestDevice device;
    const Io first = device.read(0, 4096), second = device.read(65536, 4096);
    const userblk_request taken = take(device.control());
    const Buffer data = pattern(4096, 1);
    userblk_answer answer = complete_read(taken.id, data.data(), 4096);
    userblk_request next = record();
    userblk_serve argument = serve_argument({&answer, 1}, {&next, 1});
    EXPECT_EQ(serve(device.control(), argument), 0);
    EXPECT_EQ(argument.put.failed, 0u);
    EXPECT_EQ(argument.get.count, 1u);
    EXPECT_EQ(next.offset, 65536u);
    EXPECT_EQ(first->result(), 0);
    EXPECT_EQ(first->data(), data);
    EXPECT_FALSE(second->finished());
}

// Nothing to answer yet: a worker's first call.
TEST_F(Serve, MayHaveNothingToAnswer) {
    TestDevice device;
    device.read(0, 4096);
    userblk_request next = record();
    userblk_serve argument = serve_argument({}, {&next, 1});
    argument.put.answers = 0;
    EXPECT_EQ(serve(device.control(), argument), 0);
    EXPECT_EQ(argument.put.failed, 0u);
    EXPECT_EQ(argument.get.count, 1u);
}

// One batch is answered and the next one taken in the same call.
TEST_F(Serve, WholeBatchesAtATime) {
    TestDevice device;
    device.read_many(96);
    std::vector<userblk_request> requests(16, record());
    std::vector<userblk_answer> answers;
    const Buffer data(4096);
    std::size_t served = 0;
    for (int call = 0; call < 7; call++) {
        userblk_serve argument = serve_argument(answers, requests);
        ASSERT_EQ(serve(device.control(), argument), 0);
        EXPECT_EQ(argument.put.failed, 0u);
        answers.clear();
        for (std::uint32_t i = 0; i < argument.get.count; i++)
            answers.push_back(complete_read(requests[i].id, data.data(), requests[i].length));
        served += argument.get.count;
    }
    EXPECT_EQ(served, 96u);
    EXPECT_EQ(info(device.control()).reads, 96u);
}

// Bad answers do not keep SERVE from taking.
TEST_F(Serve, BadAnswersDoNotKeepItFromTaking) {
    TestDevice device;
    device.read(0, 4096);
    userblk_answer answers[] = {complete(99, 0), complete(100, 0)};
    userblk_request next = record();
    userblk_serve argument = serve_argument(answers, {&next, 1});
    EXPECT_EQ(serve(device.control(), argument), 0);
    EXPECT_EQ(argument.put.failed, 2u);
    EXPECT_EQ(answers[0].result, -ESTALE);
    EXPECT_EQ(answers[1].result, -ESTALE);
    EXPECT_EQ(argument.get.count, 1u);
}

// A bad PUT part refuses the whole call: nothing is answered, nothing taken.
TEST_F(Serve, BadPutPartIsRefusedAsAWhole) {
    TestDevice device;
    device.read_many(2);
    const userblk_request taken = take(device.control());
    userblk_answer answer = complete(taken.id, -EIO);
    userblk_request next = record();
    const auto refused = [&](auto change) {
        userblk_serve argument = serve_argument({&answer, 1}, {&next, 1});
        change(argument);
        const int error = serve(device.control(), argument);
        EXPECT_EQ(info(device.control()).taken, 1u);
        EXPECT_EQ(info(device.control()).queued, 1u);
        return error;
    };
    using S = userblk_serve;
    EXPECT_EQ(refused([](S& s) { s.put.flags = 1; }), EINVAL);
    EXPECT_EQ(refused([](S& s) { s.put.count = 0xffffffffu; }), EINVAL);
    EXPECT_EQ(refused([](S& s) { s.put.answer_size = 1; }), ENOTTY);
    EXPECT_EQ(refused([](S& s) { s.put.answers = bad_address; }), EFAULT);
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_SERVE, reinterpret_cast<void*>(bad_address)),
              EFAULT);
}

// SERVE cannot write back to its argument: nothing is answered, and nothing taken.
TEST_F(Serve, ReadOnlyArgumentLosesNothing) {
    TestDevice device;
    const std::vector<Io> ios = device.read_many(2);
    userblk_answer answer = complete(take(device.control()).id, -ENOSPC);
    userblk_request next = record();
    const userblk_serve argument = serve_argument({&answer, 1}, {&next, 1});
    EdgeMemory memory(4096);
    std::memcpy(memory.before_edge(4096), &argument, sizeof(argument));
    memory.make_read_only();
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_SERVE, memory.before_edge(4096)), EFAULT);
    EXPECT_EQ(info(device.control()).taken, 1u);
    EXPECT_EQ(info(device.control()).queued, 1u);
    EXPECT_EQ(put(device.control(), answer), 0);
    EXPECT_EQ(ios[0]->result(), ENOSPC);
}

// A bad GET part is an error, and nothing is taken. (put.failed and the results say whether the
// answers were carried out; here they were, or the id is still valid.)
TEST_F(Serve, BadGetPartTakesNothing) {
    TestDevice device;
    device.read(0, 4096);
    userblk_request next = record();
    const auto refused = [&](auto change) {
        userblk_serve argument = serve_argument({}, {&next, 1});
        change(argument);
        const int error = serve(device.control(), argument);
        EXPECT_EQ(info(device.control()).taken, 0u);
        EXPECT_EQ(info(device.control()).queued, 1u);
        return error;
    };
    using S = userblk_serve;
    EXPECT_EQ(refused([](S& s) { s.get.count = 0; }), EINVAL);
    EXPECT_EQ(refused([](S& s) { s.get.count = 0xffffffffu; }), EINVAL);
    EXPECT_EQ(refused([](S& s) { s.get.flags = 2; }), EINVAL);
    EXPECT_EQ(refused([](S& s) { s.get.queue = 5; }), EINVAL);
    EXPECT_EQ(refused([](S& s) { s.get.request_size = 1; }), ENOTTY);
    EXPECT_EQ(refused([](S& s) { s.get.requests = bad_address; }), EFAULT);
}

// The GET part faults after the PUT part was carried out: both are reported.
TEST_F(Serve, AnswersHoldWhenTheGetPartFaults) {
    TestDevice device;
    const Io io = device.read(0, 4096);
    device.read(65536, 4096);
    const userblk_request taken = take(device.control());
    userblk_answer answers[] = {complete(taken.id, -EIO), complete(1, 0)};
    userblk_serve argument = serve_argument(answers, {});
    argument.get.requests = bad_address;
    argument.get.count = 1;
    EXPECT_EQ(serve(device.control(), argument), EFAULT);
    EXPECT_EQ(io->result(), EIO);
    EXPECT_EQ(argument.put.failed, 1u);
    EXPECT_EQ(answers[0].result, 0);
    EXPECT_EQ(answers[1].result, -ESTALE);
    EXPECT_EQ(info(device.control()).taken, 0u);
    EXPECT_EQ(info(device.control()).queued, 1u);
}

TEST_F(Serve, TimeoutIsSuccessWithoutRequests) {
    TestDevice device;
    userblk_request next = record();
    userblk_serve argument = serve_argument({}, {&next, 1}, 20'000'000);
    EXPECT_EQ(serve(device.control(), argument), 0);
    EXPECT_EQ(argument.get.count, 0u);
    EXPECT_EQ(argument.get.flags, 0u);
}

// The answer takes effect before the wait begins.
TEST_F(Serve, AnswersBeforeItWaits) {
    TestDevice device;
    const Io io = device.read(0, 4096);
    Child child([&](ChildSide&) {
        const userblk_request request = take(device.control());
        userblk_answer answer = complete(request.id, -ENOSPC);
        userblk_request next = record();
        userblk_serve argument = serve_argument({&answer, 1}, {&next, 1}, for_ever);
        return serve(device.control(), argument);
    });
    EXPECT_EQ(io->result(), ENOSPC);
}

void handle_nothing_in_serve(int) {}

// A signal during the wait: success, the answer was carried out, no request. The call is not
// restarted even with SA_RESTART, because that would answer twice.
TEST_F(Serve, SignalWhileItWaitsIsSuccessWithoutRequests) {
    TestDevice device;
    for (const int flags : {0, SA_RESTART}) {
        const Io io = device.read(0, 4096);
        Child child([&](ChildSide& side) {
            struct sigaction action {};
            action.sa_handler = handle_nothing_in_serve;
            action.sa_flags = flags;
            sigaction(SIGUSR1, &action, nullptr);
            userblk_request request = record();
            if (get(device.control(), {&request, 1}, a_while).count != 1)
                return 1;
            userblk_answer answer = complete(request.id, -ENOSPC);
            userblk_request next = record();
            userblk_serve argument = serve_argument({&answer, 1}, {&next, 1}, for_ever);
            side.tell();
            const int error = serve(device.control(), argument);
            return error                 ? 2
                   : argument.get.count  ? 3
                   : argument.put.failed ? 4
                                         : 50 + answer.result;
        });
        child.await();
        EXPECT_EQ(io->result(), ENOSPC);
        EXPECT_TRUE(eventually_sleeps(child.pid()));
        child.signal(SIGUSR1);
        EXPECT_EQ(child.wait(), 50);
    }
}

// Many waiters, one request: exactly one gets it, the others keep waiting.
TEST_F(Serve, OneRequestWakesOneWaiter) {
    TestDevice device;
    std::vector<Child> children;
    for (int i = 0; i < 4; i++)
        children.emplace_back([&](ChildSide& side) {
            userblk_request request = record();
            userblk_serve argument = serve_argument({}, {&request, 1}, for_ever);
            side.tell();
            if (serve(device.control(), argument) || argument.get.count != 1)
                return 1;
            return put(device.control(), complete(request.id, -ENOSPC));
        });
    for (Child& child : children) {
        child.await();
        EXPECT_TRUE(eventually_sleeps(child.pid()));
    }
    for (std::size_t i = 0; i < children.size(); i++) {
        EXPECT_EQ(device.read(i << 16, 4096)->result(), ENOSPC);
        std::size_t ended = 0;
        EXPECT_TRUE(eventually([&] {
            ended = 0;
            for (Child& child : children)
                ended += process_state(child.pid()) == 'Z';
            return ended == i + 1;
        })) << ended;
    }
    for (Child& child : children)
        EXPECT_EQ(child.wait(), 0);
}

// Waits for requests, resets for the dead, and answers with ENOSPC.
int serve_and_heal(int fd, ChildSide& side) {
    side.tell();
    for (;;) {
        userblk_request request = record();
        userblk_serve argument = serve_argument({}, {&request, 1}, for_ever, USERBLK_GET_WATCH);
        if (serve(fd, argument))
            return 1;
        if (argument.get.count)
            put(fd, complete(request.id, -ENOSPC));
        else if (argument.get.flags & USERBLK_GET_ORPHANS)
            reset_dead(fd);
    }
}

// While the object lives, nothing else runs on this thread's CPU.
class AloneOnProcessor {
public:
    AloneOnProcessor() {
        sched_param parameter{};
        parameter.sched_priority = 1;
        sched_setscheduler(0, SCHED_FIFO, &parameter);
    }
    ~AloneOnProcessor() {
        sched_param parameter{};
        sched_setscheduler(0, SCHED_OTHER, &parameter);
    }
};

// Two waiters; a request wakes one of them, which is killed before it runs: the other one must be
// woken instead. (Sharing one CPU with this thread forces it not to run meanwhile.)
TEST_F(Serve, WaiterKilledBeforeItTookPassesTheWakeOn) {
    TestDevice device;
    OnProcessor one(0);
    const auto body = [&](ChildSide& side) { return serve_and_heal(device.control(), side); };
    for (int round = 0; round < 8 && !HasFailure(); round++) {
        Child first(body);
        first.await();
        EXPECT_TRUE(eventually_sleeps(first.pid()));
        Child second(body);
        second.await();
        EXPECT_TRUE(eventually_sleeps(second.pid()));
        Io io;
        {
            AloneOnProcessor now;
            io = device.read(0, 4096);
            (round % 4 ? first : second).signal(SIGKILL);
        }
        EXPECT_EQ(io->result(), ENOSPC);
    }
}

// The same at any moment, with several CPUs: if the killed one took the request, the other is
// notified of an orphan.
TEST_F(Serve, WaiterKilledAtAnyMomentLosesNothing) {
    TestDevice device;
    const auto body = [&](ChildSide& side) { return serve_and_heal(device.control(), side); };
    for (int round = 0; round < 25 && !HasFailure(); round++) {
        Child first(body), second(body);
        first.await();
        second.await();
        EXPECT_TRUE(eventually_sleeps(first.pid()));
        EXPECT_TRUE(eventually_sleeps(second.pid()));
        const Io io = device.read(0, 4096);
        (round % 2 ? first : second).signal(SIGKILL);
        EXPECT_EQ(io->result(), ENOSPC);
    }
}

} // namespace userblk::test
