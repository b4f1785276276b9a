// SPDX-License-Identifier: MIT
//
// Redirection against everything that may come in between. How often each window was hit is
// printed; a window that is never hit is a failure.
#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>

#include "tests/support/files.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/race.hpp"
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
};

// RESET against the acceptance of the answer: either it finds the request and the answer is stale,
// or it does not and the file's I/O completes the request.
TEST_F(RedirectRaces, ResetAgainstAcceptance) {
    TestDevice device;
    write_to_file(file.get(), 0, pattern(65536, 1));
    Io io;
    userblk_request request{};
    int answered = 0;
    std::uint32_t count = 0;
    std::uint64_t rounds = 0;
    Window resets("RESET just before the answer is accepted");
    Window redirects("RESET just after it was accepted");
    race(
        300,
        [&](int) {
            io = device.read(0, block);
            request = take(device.control());
        },
        [&](int) { answered = put(device.control(), redirect(request, file.get(), 0)); },
        [&](int round) {
            const int control = device.control();
            switch (round % 4) {
            case 0:
                count = reset_id(control, request.id).count;
                break;
            case 1:
                count = reset_all(control).count;
                break;
            case 2:
                count = reset_older(control, 0).count;
                break;
            default:
                count = reset_pid(control, getpid()).count;
            }
        },
        [&](int) {
            ASSERT_EQ(answered, count ? ESTALE : 0);
            rounds++;
            resets.tried(count);
            redirects.tried(!count);
            if (count) {
                const userblk_request again = take(device.control());
                ASSERT_EQ(put(device.control(), redirect(again, file.get(), 0)), 0);
            }
            ASSERT_EQ(io->result(), 0);
            ASSERT_EQ(io->data(), pattern(block, 1));
        },
        [&] { return resets.hits() && redirects.hits(); });
    EXPECT_EQ(info(device.control()).redirects, rounds);
    EXPECT_EQ(info(device.control()).put_back, resets.hits());
}

// Another thread adopts the request as it is redirected: the adoption either comes second and gets
// ESTALE, or first, and the answer redirects what was adopted. Nobody is left holding a completed
// request.
TEST_F(RedirectRaces, AdoptAgainstAcceptance) {
    TestDevice device;
    Io io;
    userblk_request request{};
    int answered = 0, adopted = 0;
    Window before("ADOPT just before the answer is accepted");
    Window after("ADOPT just after it was accepted");
    const Fd other = device.open_control();
    race(
        300,
        [&](int) {
            io = device.read(0, block);
            request = take(device.control());
        },
        [&](int) { answered = put(device.control(), redirect(request, file.get(), 0)); },
        [&](int) { adopted = put(other.get(), adopt(request.id)); },
        [&](int) {
            ASSERT_EQ(answered, 0);
            ASSERT_TRUE(adopted == 0 || adopted == ESTALE) << adopted;
            before.tried(!adopted);
            after.tried(adopted);
            ASSERT_EQ(io->result(), 0);
        },
        [&] { return before.hits() && after.hits(); });
    EXPECT_EQ(info(device.control()).taken, 0u);
    EXPECT_EQ(reset_pid(device.control(), getpid()).count, 0u);
}

// A process redirects requests before they exist, by guessing their ids, to a file that is open for
// reading only, while reads and writes take turns. It may make reads return the file's content, but
// the operation must not change under its answer, so that no write reaches the file.
TEST_F(RedirectRaces, GuessedIdsGetNoMoreThanTheFileIsOpenFor) {
    userblk_config config = config_of();
    config.queues = 1;
    config.depth = 1;
    TestDevice device{config};
    const Buffer content = pattern(block, 1);
    write_to_file(file.get(), 0, content);
    const Fd readable = open_file("/proc/self/fd/" + std::to_string(file.get()), O_RDONLY);
    Window reads("a guessed id was that of a READ, which was redirected");
    Window writes("a guessed id was that of a WRITE, which was refused");
    std::atomic<std::uint64_t> last = 0;
    std::atomic<bool> over = false;
    std::thread guesser([&] {
        const Fd control = device.open_control();
        while (!over) {
            userblk_request next{};
            next.id = last + (1ULL << 32);
            next.length = block;
            const int error = put(control.get(), redirect(next, readable.get(), 0));
            EXPECT_TRUE(!error || error == EBADF || error == ESTALE) << error;
            reads.tried(!error);
            writes.tried(error == EBADF);
        }
    });
    const auto goes_on = [&, begin = std::chrono::steady_clock::now()] {
        const auto passed = std::chrono::steady_clock::now() - begin;
        return passed < std::chrono::seconds(3) ||
               (passed < std::chrono::seconds(30) && !(reads.hits() && writes.hits()));
    };
    for (int i = 0; goes_on() && !HasFailure(); i++) {
        const Io io = i % 2 ? device.write(0, pattern(block, 2)) : device.read(0, block);
        const userblk_request request = take(device.control());
        last = request.id;
        const int error =
            put(device.control(),
                i % 2 ? complete(request.id) : complete_read(request.id, content.data(), block));
        EXPECT_TRUE(!error || (error == ESTALE && i % 2 == 0)) << error;
        EXPECT_EQ(io->result(), 0);
    }
    over = true;
    guesser.join();
    Buffer now(block);
    ASSERT_EQ(pread(file.get(), now.data(), block, 0), static_cast<ssize_t>(block));
    EXPECT_EQ(now, content);
}

// A dead taker's request is redirected by one thread while another resets for the dead.
TEST_F(RedirectRaces, RedirectOfADeadTakersRequest) {
    TestDevice device;
    Window put_back("RESET for the dead just before the answer is accepted");
    Window redirected("RESET for the dead just after it was accepted");
    const auto met = [&] { return put_back.hits() && redirected.hits(); };
    for (int round = 0; (round < 60 || (round < 600 && !met())) && !HasFailure(); round++) {
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
        stagger(round);
        const int answered = put(device.control(), redirect(request, file.get(), 0));
        resetting.join();
        dying.wait();
        EXPECT_EQ(answered, count ? ESTALE : 0);
        put_back.tried(count);
        redirected.tried(!count);
        if (count) {
            EXPECT_EQ(put(device.control(), redirect(take(device.control()), file.get(), 0)), 0);
        }
        EXPECT_EQ(io->result(), 0);
        EXPECT_EQ(poll_events(device.control(), POLLPRI), 0);
        EXPECT_EQ(info(device.control()).orphaned, 0u);
    }
}

// A FETCH, or a pread, is copying the payload when the redirected write ends (which fails, so that
// it is quick): whichever finishes last ends the request. The block layer's own trace shows which
// task that was.
TEST_F(RedirectRaces, FetchWhileTheRedirectedIoEnds) {
    constexpr std::uint32_t length = 1 << 20;
    TestDevice device{config_of(length)};
    const Tracing tracing({"block/block_rq_complete"});
    const Fd sealed = memory_file(length, MFD_ALLOW_SEALING);
    ASSERT_EQ(fcntl(sealed.get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
    Io io;
    userblk_request request{};
    int answered = 0, fetched = 0;
    Window before("FETCH has the payload as the redirected write ends");
    Window after("FETCH just after the end");
    Buffer room(length);
    room.fill(1);
    pid_t fetcher = 0;
    Window by_fetch("the request is ended by the FETCH (slot goes through ENDING)");
    const auto count_ends = [&] {
        const std::string wanted = "-" + std::to_string(fetcher) + " ";
        const std::vector<std::string> lines = tracing.lines("block_rq_complete");
        by_fetch.set(static_cast<std::uint64_t>(std::count_if(lines.begin(), lines.end(),
                                                              [&](const std::string& line) {
                                                                  return line.find(wanted) !=
                                                                         std::string::npos;
                                                              })),
                     lines.size());
    };
    race(
        200,
        [&](int round) {
            io = device.write(0, pattern(length, static_cast<std::uint64_t>(round)));
            request = take(device.control());
            EXPECT_EQ(request.length, length);
        },
        [&](int round) {
            stagger(round);
            answered = put(device.control(), redirect(request, sealed.get(), 0));
        },
        [&](int round) {
            fetcher = thread_id();
            if (round % 2)
                fetched = put(device.control(), fetch(request.id, room.data(), length));
            else
                // A pread returns what it got before the end rather than an error.
                fetched = pread(device.control(), room.data(), length,
                                static_cast<off_t>(request.payload)) == length
                              ? 0
                              : ESTALE;
        },
        [&](int) {
            ASSERT_EQ(answered, 0);
            ASSERT_TRUE(!fetched || fetched == ESTALE) << fetched;
            before.tried(!fetched);
            after.tried(fetched);
            ASSERT_EQ(io->result(), EIO);
            if (!fetched) {
                ASSERT_EQ(room, io->data());
            }
        },
        [&] {
            count_ends();
            if (!before.hits() || !after.hits())
                return false;
            count_ends();
            return by_fetch.hits() > 0;
        });
    count_ends();
    EXPECT_EQ(info(device.control()).redirected, 0u);
}

// The device is removed while answers are being accepted: each request ends, with data or with an
// error.
TEST_F(RedirectRaces, RemovalAgainstAcceptance) {
    Window under_way("REMOVE while redirected I/O is under way");
    Window between("REMOVE between two answers");
    const LoopDevice loop(default_size);
    const Fd disk = open_file(loop.path(), O_RDWR | O_DIRECT);
    const auto met = [&] { return under_way.hits() && between.hits(); };
    for (int round = 0; (round < 40 || (round < 400 && !met())) && !HasFailure(); round++) {
        TestDevice device;
        std::vector<Io> ios = device.read_burst(32);
        for (std::uint64_t i = 0; i < 8; i++)
            ios.push_back(device.write(i << 16, pattern(block, i)));
        const std::vector<userblk_request> requests = take_each(device.control(), ios.size());
        std::atomic<bool> go = false;
        std::thread removing([&] {
            while (!go)
                ;
            stagger(round);
            under_way.tried(info(device.control()).redirected);
            EXPECT_EQ(device.remove(), 0);
        });
        go = true;
        std::size_t refused = 0;
        for (std::size_t i = 0; i < requests.size(); i++) {
            const Fd& to = i % 2 ? disk : file;
            const int error =
                put(device.control(), redirect(requests[i], to.get(), requests[i].offset));
            EXPECT_TRUE(!error || error == ENODEV || error == ESTALE) << error;
            refused += error != 0;
        }
        removing.join();
        between.tried(refused && refused < requests.size());
        for (const Io& io : ios) {
            const int error = io->result();
            EXPECT_TRUE(!error || error == EIO || error == ENODEV || error == ENXIO) << error;
        }
    }
}

// Workers that redirect everything are killed at random, others reset for them; a writer continues,
// and every byte is there.
TEST_F(RedirectRaces, WorkersAreKilledWhileAWriterGoesOn) {
    TestDevice device{config_of()};
    const LoopDevice loop(64 << 20);
    const FileSystem file_system("ext4", loop.path());
    const Fd direct = file_system.make_file("direct", default_size, O_DIRECT);
    const auto worker = [&] {
        return Child([&](ChildSide&) -> int {
            const Fd fd = device.open_control();
            std::minstd_rand random(static_cast<unsigned int>(getpid()));
            return serve_by_poll(fd.get(), [&] {
                std::vector<userblk_request> requests(8, record());
                std::vector<userblk_answer> answers;
                const GetResult got = get(fd.get(), requests);
                for (std::uint32_t i = 0; i < got.count; i++)
                    answers.push_back(redirect(requests[i], direct.get(), place_of(requests[i])));
                if (random() % 4 == 0) // hold the requests for a while
                    std::this_thread::sleep_for(std::chrono::milliseconds(5));
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
        const auto begin = std::chrono::steady_clock::now();
        const auto goes_on = [&] {
            const auto now = std::chrono::steady_clock::now() - begin;
            return now < std::chrono::seconds(3) ||
                   (now < std::chrono::seconds(30) && !info(device.control()).put_back);
        };
        for (std::uint64_t round = 0; goes_on(); round++)
            write_and_compare(device, places(24, round), 8192);
        over = true;
    });
    std::minstd_rand random(17);
    std::uint64_t kills = 0;
    for (; !over; kills++) {
        // Every other victim is one that holds a request, if any does.
        const std::size_t any = random() % workers.size();
        Child& victim = kills % 2 ? holder_among(workers, device.control(), any) : workers[any];
        victim.kill();
        victim = worker();
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 20));
    }
    writer.join();
    const userblk_info now = info(device.control());
    Window("requests in the hands of workers that are killed").set(now.put_back, kills);
    EXPECT_EQ(now.errors, 0u);
    EXPECT_EQ(now.taken, 0u);
}

} // namespace userblk::test
