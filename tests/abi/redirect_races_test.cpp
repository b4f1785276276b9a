// SPDX-License-Identifier: MIT
//
// Redirection against everything that may come in between.
// How often each window was met is printed.
#include <atomic>
#include <random>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>

#include "tests/support/files.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"
#include "tests/support/tracing.hpp"
#include "tests/support/traffic.hpp"

namespace userblk::test {

namespace {

constexpr std::uint64_t block = 4096;

userblk_config config_of(std::uint32_t max_transfer = 0) {
    userblk_config config = test_config();
    config.flags |= USERBLK_F_CACHE | USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES;
    config.max_transfer = max_transfer;
    return config;
}

std::uint64_t place_of(const userblk_request& request) {
    return request.op == USERBLK_OP_FLUSH ? 0 : request.offset;
}

} // namespace

class RedirectRaces : public KernelTest {
protected:
    Fd file = memory_file(default_size);

    static void spin(int turns) {
        for (std::atomic<int> i = 0; i < turns; i++)
            ;
    }
    // Runs the two at the same moment, over and over, after each preparation.
    template <class Prepare, class First, class Second, class Check>
    static void race(int rounds, Prepare prepare, First first, Second second, Check check) {
        std::atomic<int> turn = 0, done = 0;
        std::thread other([&] {
            for (int round = 1; round <= rounds; round++) {
                while (turn < round)
                    ;
                second(round);
                done = round;
            }
        });
        for (int round = 1; round <= rounds; round++) {
            prepare(round);
            turn = round;
            // One or the other is a little later, so that all orders come.
            spin(round % 64 * 20);
            first(round);
            while (done < round)
                ;
            check(round);
        }
        other.join();
    }
};

// A RESET comes as the answer is accepted: either it finds the request and the answer is stale, or
// it does not and the request ends by the file.
TEST_F(RedirectRaces, ResetAgainstAcceptance) {
    TestDevice device;
    write_to_file(file.get(), 0, pattern(65536, 1));
    Io io;
    userblk_request request{};
    int answered = 0;
    std::uint32_t count = 0;
    std::uint64_t resets = 0, redirects = 0;
    race(
        1500,
        [&](int) {
            io = device.read(0, block);
            request = take(device.control());
        },
        [&](int) { answered = put(device.control(), redirect(request, file.get(), 0)); },
        [&](int round) {
            count = round % 2 ? reset_all(device.control()).count
                              : reset_id(device.control(), request.id).count;
        },
        [&](int) {
            ASSERT_EQ(answered, count ? ESTALE : 0);
            (count ? resets : redirects)++;
            if (count) {
                const userblk_request again = take(device.control());
                ASSERT_EQ(put(device.control(), redirect(again, file.get(), 0)), 0);
            }
            ASSERT_EQ(io->result(), 0);
            ASSERT_EQ(io->data(), pattern(block, 1));
        });
    report("RESET came first", resets, redirects);
    EXPECT_GT(resets, 0u);
    EXPECT_GT(redirects, 0u);
    EXPECT_EQ(info(device.control()).redirects, 1500u);
    EXPECT_EQ(info(device.control()).put_back, resets);
}

// Another process' thread adopts the request as it is redirected: the one who comes second is told
// ESTALE or redirects what was adopted; nobody is left with a request that is over.
TEST_F(RedirectRaces, AdoptAgainstAcceptance) {
    TestDevice device;
    Io io;
    userblk_request request{};
    int answered = 0, adopted = 0;
    std::uint64_t first = 0, second = 0;
    const Fd other = device.open_control();
    race(
        1500,
        [&](int) {
            io = device.read(0, block);
            request = take(device.control());
        },
        [&](int) { answered = put(device.control(), redirect(request, file.get(), 0)); },
        [&](int) { adopted = put(other.get(), adopt(request.id)); },
        [&](int) {
            ASSERT_EQ(answered, 0);
            ASSERT_TRUE(adopted == 0 || adopted == ESTALE) << adopted;
            (adopted ? second : first)++;
            ASSERT_EQ(io->result(), 0);
        });
    report("ADOPT came first", first, second);
    EXPECT_GT(first, 0u);
    EXPECT_GT(second, 0u);
    EXPECT_EQ(info(device.control()).taken, 0u);
    EXPECT_EQ(reset_pid(device.control(), getpid()).count, 0u);
}

// A dead taker's request is redirected by another while a third resets for the dead, or adopts it.
TEST_F(RedirectRaces, RedirectOfWhatADeadOneHeld) {
    TestDevice device;
    std::uint64_t redirected = 0, put_back = 0;
    for (int round = 0; round < 60 && !HasFailure(); round++) {
        const Io io = device.read(0, block);
        userblk_request request{};
        Child dying([&](ChildSide& side) -> int {
            const userblk_request taken = take(device.control());
            side.tell(taken.id);
            return 0;
        });
        request.id = dying.await();
        request.length = block;
        dying.becomes_zombie();
        std::atomic<bool> go = false;
        std::uint32_t count = 0;
        std::thread resetting([&] {
            while (!go)
                ;
            count = reset_dead(device.control()).count;
        });
        go = true;
        spin(round % 20 * 500);
        const int answered = put(device.control(), redirect(request, file.get(), 0));
        resetting.join();
        dying.wait();
        EXPECT_EQ(answered, count ? ESTALE : 0);
        (count ? put_back : redirected)++;
        if (count) {
            EXPECT_EQ(put(device.control(), redirect(take(device.control()), file.get(), 0)), 0);
        }
        EXPECT_EQ(io->result(), 0);
        EXPECT_EQ(poll_events(device.control(), POLLPRI), 0);
        EXPECT_EQ(info(device.control()).orphaned, 0u);
    }
    report("RESET of the dead came first", put_back, redirected);
}

// A FETCH, or a pread, has the payload in its hands as the redirected write ends, which fails so
// that it is quick: the request ends with the last of them. Which task ended it is in the block
// layer's own trace.
TEST_F(RedirectRaces, FetchWhileTheRedirectedIoEnds) {
    constexpr std::uint32_t length = 1 << 20;
    TestDevice device{config_of(length)};
    const Tracing tracing({"block/block_rq_complete"});
    const Fd sealed = memory_file(length, MFD_ALLOW_SEALING);
    ASSERT_EQ(fcntl(sealed.get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
    Io io;
    userblk_request request{};
    int answered = 0, fetched = 0;
    std::uint64_t after = 0, before = 0;
    Buffer room(length);
    room.fill(1);
    pid_t fetcher = 0;
    race(
        400,
        [&](int round) {
            io = device.write(0, pattern(length, static_cast<std::uint64_t>(round)));
            request = take(device.control());
            EXPECT_EQ(request.length, length);
        },
        [&](int round) {
            spin(round % 50 * 2000);
            answered = put(device.control(), redirect(request, sealed.get(), 0));
        },
        [&](int round) {
            fetcher = thread_id();
            if (round % 2)
                fetched = put(device.control(), fetch(request.id, room.data(), length));
            else
                // What it had before the end is told instead of that.
                fetched = pread(device.control(), room.data(), length,
                                static_cast<off_t>(request.payload)) == length
                              ? 0
                              : ESTALE;
        },
        [&](int) {
            ASSERT_EQ(answered, 0);
            ASSERT_TRUE(!fetched || fetched == ESTALE) << fetched;
            (fetched ? after : before)++;
            ASSERT_EQ(io->result(), EIO);
            if (!fetched) {
                ASSERT_EQ(room, io->data());
            }
        });
    std::uint64_t ended_by_fetch = 0, ended = 0;
    const std::string wanted = "-" + std::to_string(fetcher) + " ";
    for (const std::string& line : tracing.lines("block_rq_complete")) {
        ended++;
        ended_by_fetch += line.find(wanted) != std::string::npos;
    }
    report("FETCH came first", before, after);
    report("the request was ended by the FETCH (slot went through ENDING)", ended_by_fetch,
           ended - ended_by_fetch);
    EXPECT_GT(before, 0u);
    EXPECT_EQ(info(device.control()).redirected, 0u);
}

// Removal comes as answers are accepted: each request ends, with data or with an error.
TEST_F(RedirectRaces, RemovalAgainstAcceptance) {
    std::uint64_t done = 0, failed = 0, refused = 0;
    const LoopDevice loop(default_size);
    const Fd disk = open_file(loop.path(), O_RDWR | O_DIRECT);
    for (int round = 0; round < 40 && !HasFailure(); round++) {
        TestDevice device;
        std::vector<Io> ios = device.read_burst(32);
        for (std::uint64_t i = 0; i < 8; i++)
            ios.push_back(device.write(i << 16, pattern(block, i)));
        const std::vector<userblk_request> requests = take_each(device.control(), ios.size());
        std::atomic<bool> go = false;
        std::thread removing([&] {
            while (!go)
                ;
            spin(round * 200);
            EXPECT_EQ(device.remove(), 0);
        });
        go = true;
        for (std::size_t i = 0; i < requests.size(); i++) {
            const Fd& to = i % 2 ? disk : file;
            const int error =
                put(device.control(), redirect(requests[i], to.get(), requests[i].offset));
            EXPECT_TRUE(!error || error == ENODEV || error == ESTALE) << error;
            refused += error != 0;
        }
        removing.join();
        for (const Io& io : ios) {
            const int error = io->result();
            EXPECT_TRUE(!error || error == EIO || error == ENODEV || error == ENXIO) << error;
            (error ? failed : done)++;
        }
    }
    report("requests done in spite of the removal", done, failed);
    report("answers refused for it", refused, done + failed - refused);
    EXPECT_GT(done, 0u);
}

// Workers that redirect everything are killed at random, others reset for them; a writer goes on,
// and every byte is there.
TEST_F(RedirectRaces, WorkersAreKilledWhileAWriterGoesOn) {
    TestDevice device{config_of()};
    const LoopDevice loop(64 << 20);
    const FileSystem file_system("ext4", loop.path());
    const Fd direct = file_system.make_file("direct", default_size, O_DIRECT);
    const auto worker = [&] {
        return Child([&](ChildSide&) -> int {
            const Fd fd = device.open_control();
            return serve_by_poll(fd.get(), [&] {
                std::vector<userblk_request> requests(8, record());
                std::vector<userblk_answer> answers;
                const GetResult got = get(fd.get(), requests);
                for (std::uint32_t i = 0; i < got.count; i++)
                    answers.push_back(redirect(requests[i], direct.get(), place_of(requests[i])));
                if (!answers.empty())
                    put(fd.get(), answers);
            });
        });
    };
    std::vector<Child> workers;
    for (int i = 0; i < 4; i++)
        workers.push_back(worker());
    std::atomic<bool> over = false;
    std::thread writer([&] {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
        for (std::uint64_t round = 0; std::chrono::steady_clock::now() < end; round++)
            write_and_compare(device, places(24, round), 8192);
        over = true;
    });
    std::minstd_rand random(17);
    std::uint64_t kills = 0;
    for (; !over; kills++) {
        workers[random() % workers.size()] = worker();
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 20));
    }
    writer.join();
    const userblk_info now = info(device.control());
    report("kills, put back for the dead", kills, now.put_back);
    EXPECT_EQ(now.errors, 0u);
    EXPECT_EQ(now.taken, 0u);
}

} // namespace userblk::test
