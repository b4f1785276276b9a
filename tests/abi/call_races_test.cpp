// SPDX-License-Identifier: MIT
//
// Each worker call against forced removal and against RESIZE. Removal: a call that comes first
// takes effect, one that comes second gets ENODEV or ESTALE, and every submitter sees its request
// end. RESIZE: no call is affected.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "tests/support/files.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/race.hpp"
#include "tests/support/server.hpp"

namespace userblk::test {

namespace {

constexpr std::uint64_t block = 4096;
constexpr int rounds = 12;

std::array<Fd, 2> make_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        throw_errno("unable to make a pipe");
    return {Fd(ends[0]), Fd(ends[1])};
}

// A device with a taken READ, a taken WRITE and a queued READ.
struct Scene {
    TestDevice device;
    Buffer data = pattern(block, 1);
    Fd file = memory_file(block);
    std::array<Fd, 2> pipe = make_pipe();
    Io read = device.read(0, block);
    Io write = device.write(1 << 16, pattern(block, 2));
    Io waiting = device.read(2 << 16, block);
    userblk_request taken_read = take(device.control());
    userblk_request taken_write = take(device.control());

    Scene() { write_to_file(file.get(), 0, data); }
    int control() const { return device.control(); }
};

int error_of(ssize_t moved) {
    return moved < 0 ? errno : 0;
}

struct Act {
    const char* name;
    int (*run)(Scene&);         // 0, or the errno
    bool ends_the_read = false; // with the right data, if it succeeds
    bool may_do_half = false;   // even when it fails, it may have filled the first half
};

const Act acts[] = {
    {"Get",
     [](Scene& scene) {
         userblk_request request = record();
         const GetResult got = get(scene.control(), {&request, 1});
         return got.error || got.count ? got.error : EAGAIN;
     }},
    {"Put",
     [](Scene& scene) {
         return put(scene.control(), complete_read(scene.taken_read.id, scene.data.data(), block));
     },
     true},
    {"Serve",
     [](Scene& scene) {
         userblk_answer answer = complete_read(scene.taken_read.id, scene.data.data(), block);
         userblk_request request = record();
         userblk_serve argument = serve_argument({&answer, 1}, {&request, 1});
         const int error = serve(scene.control(), argument);
         return error ? error : -answer.result;
     },
     true, true},
    {"GiveBack", [](Scene& scene) { return put(scene.control(), give_back(scene.taken_read.id)); }},
    {"Adopt", [](Scene& scene) { return put(scene.control(), adopt(scene.taken_read.id)); }},
    {"Redirect",
     [](Scene& scene) {
         return put(scene.control(), redirect(scene.taken_read, scene.file.get(), 0));
     },
     true},
    {"Reset",
     [](Scene& scene) {
         const ResetResult result = reset_all(scene.control());
         return result.error || result.count ? result.error : ESTALE;
     }},
    {"Resize", [](Scene& scene) { return resize(scene.control(), 2 * default_size); }},
    {"Info",
     [](Scene& scene) {
         userblk_info argument = info_argument();
         return ioctl_error(scene.control(), USERBLK_INFO, &argument);
     }},
    {"Poll",
     [](Scene& scene) {
         const short events = poll_events(scene.control(), POLLIN);
         return events & POLLHUP ? ENODEV : events & POLLIN ? 0 : EAGAIN;
     }},
    {"Pread",
     [](Scene& scene) {
         Buffer room(block);
         return error_of(pread(scene.control(), room.data(), block,
                               static_cast<off_t>(scene.taken_write.payload)));
     }},
    {"Pwrite",
     [](Scene& scene) {
         return error_of(pwrite(scene.control(), scene.data.data(), block,
                                static_cast<off_t>(scene.taken_read.payload)));
     }},
    {"Splice",
     [](Scene& scene) {
         auto place = static_cast<loff_t>(scene.taken_write.payload);
         return error_of(splice(scene.control(), &place, scene.pipe[1].get(), nullptr, block, 0));
     }},
};

bool is_gone(int error) {
    return error == EIO || error == ENODEV || error == ENXIO;
}

} // namespace

class RemovalRaces : public KernelTest, public testing::WithParamInterface<Act> {};

// The device is removed during each call: the call succeeds or gets ENODEV or ESTALE, and all three
// requests end.
TEST_P(RemovalRaces, EndForBoth) {
    const Act& act = GetParam();
    Window before("REMOVE just before it"), after("REMOVE just after it");
    std::optional<Scene> scene;
    int error = 0;
    race(
        rounds, [&](int) { scene.emplace(); }, [&](int) { error = act.run(*scene); },
        [&](int) { ASSERT_EQ(scene->device.remove(), 0); },
        [&](int) {
            ASSERT_TRUE(!error || error == ENODEV || error == ESTALE) << strerror(error);
            before.tried(error);
            after.tried(!error);
            const int ended = scene->read->result();
            if (!ended) {
                ASSERT_TRUE(act.ends_the_read && (!error || act.may_do_half));
                ASSERT_EQ(scene->read->data(), scene->data);
            } else {
                ASSERT_TRUE(is_gone(ended) && (error || !act.ends_the_read)) << strerror(ended);
            }
            ASSERT_TRUE(is_gone(scene->write->result()));
            ASSERT_TRUE(is_gone(scene->waiting->result()));
        },
        [&] { return before.hits() && after.hits(); });
}

INSTANTIATE_TEST_SUITE_P(Of, RemovalRaces, testing::ValuesIn(acts),
                         [](const auto& act) { return std::string(act.param.name); });

class ResizeRaces : public KernelTest, public testing::WithParamInterface<Act> {
protected:
    using Clock = std::chrono::steady_clock;
    struct Span {
        Clock::time_point begin, end;
        bool meets(const Span& other) const { return begin < other.end && other.begin < end; }
    };
    template <class Call>
    static Span time(Call call) {
        const Clock::time_point begin = Clock::now();
        call();
        return {begin, Clock::now()};
    }
};

// The device shrinks below the offsets of existing requests and grows again, repeatedly, until the
// call is over; nobody notices.
TEST_P(ResizeRaces, HaveNoEffect) {
    const Act& act = GetParam();
    Window during("RESIZE during it");
    std::optional<Scene> scene;
    Store store = make_store(1 << 20);
    int error = 0;
    std::atomic<bool> over = false;
    Span called;
    std::vector<Span> resized;
    race(
        rounds,
        [&](int) {
            scene.emplace();
            resized.clear();
            over = false;
        },
        [&](int) {
            called = time([&] { error = act.run(*scene); });
            over = true;
        },
        [&](int) {
            do {
                const std::uint64_t size = resized.size() % 2 ? default_size : block;
                resized.push_back(time([&] { ASSERT_EQ(resize(scene->control(), size), 0); }));
            } while (!over);
        },
        [&](int) {
            ASSERT_EQ(error, 0) << strerror(error);
            during.tried(std::any_of(resized.begin(), resized.end(),
                                     [&](const Span& span) { return span.meets(called); }));
            reset_all(scene->control());
            while (serve_once(scene->control(), store))
                ;
            ASSERT_EQ(scene->read->result(), 0);
            if (act.ends_the_read) {
                ASSERT_EQ(scene->read->data(), scene->data);
            }
            ASSERT_EQ(scene->write->result(), 0);
            ASSERT_EQ(scene->waiting->result(), 0);
        },
        [&] { return during.hits() > 0; });
}

INSTANTIATE_TEST_SUITE_P(Of, ResizeRaces, testing::ValuesIn(acts),
                         [](const auto& act) { return std::string(act.param.name); });

} // namespace userblk::test
