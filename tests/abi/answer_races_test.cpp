// SPDX-License-Identifier: MIT
//
// Two calls about one request at the same moment: one wins, both orders occur, and the results of
// both calls agree with the order.
#include <optional>

#include <poll.h>
#include <unistd.h>

#include "tests/support/child.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/race.hpp"

namespace userblk::test {

namespace {

constexpr std::uint64_t block = 4096;
constexpr int rounds = 64;

// The filters that may match a living taker, and the one for dead takers, for which the test has a
// taker die first.
struct Filter {
    const char* name;
    std::uint32_t (*reset)(int fd, std::uint64_t id);
    bool of_the_dead = false;
};

const Filter filters[] = {
    {"All", [](int fd, std::uint64_t) { return reset_all(fd).count; }},
    {"Id", [](int fd, std::uint64_t id) { return reset_id(fd, id).count; }},
    {"Pid", [](int fd, std::uint64_t) { return reset_pid(fd, getpid()).count; }},
    {"Older", [](int fd, std::uint64_t) { return reset_older(fd, 0).count; }},
    {"Dead", [](int fd, std::uint64_t) { return reset_dead(fd).count; }, true},
};

} // namespace

class AnswerRaces : public KernelTest {
protected:
    TestDevice device;
    Io io;
    userblk_request request{};
    Buffer data = pattern(block, 3);

    void start_read() {
        io = device.read(0, block);
        request = take(device.control());
    }
    // If it was put back, takes it again and answers it.
    void end_if_put_back(bool was) {
        if (was) {
            request = take(device.control());
            answer_it();
        }
        ASSERT_EQ(io->result(), 0);
        ASSERT_EQ(io->data(), data);
    }
    void answer_it() {
        ASSERT_EQ(put(device.control(), complete_read(request.id, data.data(), block)), 0);
    }
};

class ResetRaces : public AnswerRaces, public testing::WithParamInterface<Filter> {
protected:
    // Taken by this process, or by a child that has died and is a zombie.
    void start_taken_read() {
        if (!GetParam().of_the_dead) {
            start_read();
            return;
        }
        taker_.emplace([this](ChildSide& side) -> int {
            side.tell(take(device.control()).id);
            return 0;
        });
        io = device.read(0, block);
        request.id = taker_->await();
        ASSERT_TRUE(taker_->becomes_zombie());
    }

private:
    std::optional<Child> taker_;
};

// PUT against RESET: either the answer succeeds, or the request is put back and the answer is
// stale.
TEST_P(ResetRaces, PutAgainstReset) {
    Window before("RESET just before the PUT"), after("RESET just after the PUT");
    int answered = 0;
    std::uint32_t count = 0;
    race(
        rounds, [&](int) { start_taken_read(); },
        [&](int) {
            answered = put(device.control(), complete_read(request.id, data.data(), block));
        },
        [&](int) { count = GetParam().reset(device.control(), request.id); },
        [&](int) {
            before.tried(count);
            after.tried(!count);
            ASSERT_EQ(answered, count ? ESTALE : 0);
            end_if_put_back(count);
        },
        [&] { return before.hits() && after.hits(); });
}

// SERVE against RESET: it answers and takes what is queued, which may be the very request that was
// just put back.
TEST_P(ResetRaces, ServeAgainstReset) {
    Window before("RESET just before the SERVE"), after("RESET just after its answer");
    std::uint32_t count = 0, got = 0;
    userblk_answer answer{};
    userblk_request again{};
    race(
        rounds, [&](int) { start_taken_read(); },
        [&](int) {
            answer = complete_read(request.id, data.data(), block);
            again = record();
            userblk_serve argument = serve_argument({&answer, 1}, {&again, 1});
            ASSERT_EQ(serve(device.control(), argument), 0);
            got = argument.get.count;
        },
        [&](int) { count = GetParam().reset(device.control(), request.id); },
        [&](int) {
            before.tried(answer.result);
            after.tried(!answer.result);
            ASSERT_EQ(answer.result, got || count ? -ESTALE : 0);
            // A filter that ignores the id may also have matched the second delivery.
            if (got && info(device.control()).taken) {
                ASSERT_EQ(put(device.control(), complete_read(again.id, data.data(), block)), 0);
                end_if_put_back(false);
            } else {
                end_if_put_back(got || count);
            }
        },
        [&] { return before.hits() && after.hits(); });
}

// Adoption against RESET: if the adoption wins, the reset puts the request back from its new taker,
// or leaves it there if the filter names the old one.
TEST_P(ResetRaces, AdoptAgainstReset) {
    Window before("RESET just before the ADOPT"), after("RESET just after the ADOPT");
    int adopted = 0;
    std::uint32_t count = 0;
    race(
        rounds, [&](int) { start_taken_read(); },
        [&](int) { adopted = put(device.control(), adopt(request.id)); },
        [&](int) { count = GetParam().reset(device.control(), request.id); },
        [&](int) {
            ASSERT_TRUE(!adopted || adopted == ESTALE) << adopted;
            ASSERT_EQ(count, !adopted && GetParam().of_the_dead ? 0u : 1u);
            before.tried(adopted);
            after.tried(!adopted);
            if (!count)
                answer_it();
            end_if_put_back(count);
        },
        [&] { return before.hits() && after.hits(); });
}

// Give-back against RESET: exactly one of them puts the request back.
TEST_P(ResetRaces, GiveBackAgainstReset) {
    Window before("RESET just before the giving back"), after("RESET just after it");
    int given = 0;
    std::uint32_t count = 0;
    race(
        rounds, [&](int) { start_taken_read(); },
        [&](int) { given = put(device.control(), give_back(request.id)); },
        [&](int) { count = GetParam().reset(device.control(), request.id); },
        [&](int) {
            before.tried(count);
            after.tried(!count);
            ASSERT_EQ(given, count ? ESTALE : 0);
            ASSERT_EQ(info(device.control()).queued, 1u);
            end_if_put_back(true);
        },
        [&] { return before.hits() && after.hits(); });
}

INSTANTIATE_TEST_SUITE_P(By, ResetRaces, testing::ValuesIn(filters),
                         [](const auto& filter) { return std::string(filter.param.name); });

// A RESET while another thread polls or is about to: poll reports the request, and no wakeup is
// lost.
TEST_F(AnswerRaces, PollAgainstReset) {
    Window waiting("RESET while another waits in poll"), before("RESET just before the poll");
    short at_once = 0, later = 0;
    const Fd other = device.open_control();
    race(
        rounds, [&](int) { start_read(); }, [&](int) { reset_all(device.control()); },
        [&](int) {
            at_once = poll_events(other.get(), POLLIN);
            later = poll_events(other.get(), POLLIN, static_cast<int>(a_while / 1'000'000));
        },
        [&](int) {
            before.tried(at_once & POLLIN);
            waiting.tried(!(at_once & POLLIN));
            ASSERT_TRUE(later & POLLIN) << "the wake was lost";
            end_if_put_back(true);
        },
        [&] { return before.hits() && waiting.hits(); });
}

// The same for a thread in GET, at the moment a request is queued.
TEST_F(AnswerRaces, GetAgainstSubmission) {
    Window waiting("a request comes while another waits in GET"), before("just before the GET");
    const Fd other = device.open_control();
    int error = 0;
    race(
        rounds, [&](int) {}, [&](int) { io = device.read(0, block); },
        [&](int) {
            request = record();
            error = get(other.get(), {&request, 1}).count ? 0 : EAGAIN;
            if (error)
                request = record();
            waiting.tried(error);
            before.tried(!error);
            if (error)
                error = get(other.get(), {&request, 1}, a_while).count ? 0 : ETIME;
        },
        [&](int) {
            ASSERT_EQ(error, 0) << "the wake was lost";
            ASSERT_EQ(put(other.get(), complete_read(request.id, data.data(), block)), 0);
            end_if_put_back(false);
        },
        [&] { return waiting.hits() && before.hits(); });
}

} // namespace userblk::test
