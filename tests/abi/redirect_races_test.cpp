// SPDX-License-Identifier: MIT
//
// Redirection against everything that may come in between, and answers of all kinds at random.
// How often each window was met is printed.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "tests/support/files.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"
#include "tests/support/tracing.hpp"

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

    static void report(const std::string& what, std::uint64_t met, std::uint64_t missed) {
        std::printf("    %s: %llu, otherwise: %llu\n", what.c_str(),
                    static_cast<unsigned long long>(met), static_cast<unsigned long long>(missed));
    }
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
            for (;;) {
                const short events = poll_events(fd.get(), POLLIN | POLLPRI, -1);
                if (events & (POLLHUP | POLLERR))
                    return 0;
                if (events & POLLPRI)
                    reset_dead(fd.get());
                std::vector<userblk_request> requests(8, record());
                std::vector<userblk_answer> answers;
                const GetResult got = get(fd.get(), requests);
                for (std::uint32_t i = 0; i < got.count; i++)
                    answers.push_back(redirect(requests[i], direct.get(), place_of(requests[i])));
                if (!answers.empty())
                    put(fd.get(), answers);
            }
        });
    };
    std::vector<Child> workers;
    for (int i = 0; i < 4; i++)
        workers.push_back(worker());
    std::atomic<bool> over = false;
    std::thread writer([&] {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
        for (std::uint64_t round = 0; std::chrono::steady_clock::now() < end; round++) {
            std::vector<Io> writes, reads;
            for (std::uint64_t i = 0; i < 24; i++)
                writes.push_back(device.write(i << 16, pattern(8192, i + round)));
            for (const Io& io : writes)
                EXPECT_EQ(io->result(), 0);
            for (std::uint64_t i = 0; i < 24; i++)
                reads.push_back(device.read(i << 16, 8192));
            for (std::uint64_t i = 0; i < 24; i++) {
                EXPECT_EQ(reads[i]->result(), 0);
                EXPECT_EQ(reads[i]->data(), pattern(8192, i + round));
            }
        }
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

// A bounded storm: answers of all kinds to whatever descriptors, extents, offsets and flags, reads
// and writes of random places, RESETs and deaths, against submitters. What the answers were is
// known to nobody, so only this is held: those who wrote to blocks that were answered properly find
// them, nothing hangs, the kernel does not complain, and all can be removed.
class RedirectFuzz : public RedirectRaces {
protected:
    // Blocks up to here are served properly, those behind it are fair game.
    static constexpr std::uint64_t proper = 4 << 20;

    TestDevice device{config_of()}, other{config_of()};
    LoopDevice loop{default_size};
    Folder folder;

    static bool is_proper(const userblk_request& request) {
        return request.op <= USERBLK_OP_WRITE && request.offset + request.length <= proper;
    }
    // Descriptors of every kind, some of them none.
    std::vector<Fd> open_everything() {
        std::vector<Fd> all;
        int ends[2];
        all.push_back(memory_file(1 << 20));
        all.push_back(memory_file(5000));
        all.push_back(open_file(loop.path(), O_RDWR));
        all.push_back(open_file(loop.path(), O_RDWR | O_DIRECT));
        all.push_back(open_file(other.block_path(), O_RDWR | O_DIRECT));
        all.push_back(open_file(other.block_path(), O_RDWR));
        all.push_back(open_file(device.block_path(), O_RDWR));
        all.push_back(open_file(device.control_path(), O_RDWR));
        all.push_back(open_file("/dev/null", O_RDWR));
        all.push_back(open_file("/proc/self/maps", O_RDONLY));
        all.push_back(open_file("/proc/self/mem", O_RDONLY));
        all.push_back(open_file(folder.path(), O_RDONLY));
        all.push_back(open_file(folder.path(), O_PATH));
        const std::string name = folder.path() + "/file";
        all.push_back(open_file(name, O_RDWR | O_CREAT | O_APPEND));
        all.push_back(open_file(name, O_RDONLY));
        all.push_back(open_file(name, O_WRONLY));
        if (!pipe2(ends, O_CLOEXEC)) {
            all.emplace_back(ends[0]);
            all.emplace_back(ends[1]);
        }
        all.emplace_back(-1);
        return all;
    }
};

namespace {

// One process of the storm.
class Storm {
public:
    Storm(const Fd& control, const Fd& file, std::uint64_t proper, const std::vector<Fd>& fds,
          std::uint64_t seed)
        : control_(control), file_(file), proper_(proper), fds_(fds), random_(seed) {}

    void step() {
        std::vector<userblk_request> requests(1 + random_() % 6, record(room_.data(), 16384));
        const GetResult got = get(control_.get(), requests, 2'000'000);
        std::vector<userblk_answer> answers;
        for (std::uint32_t i = 0; i < got.count; i++) {
            if (requests[i].result)
                continue;
            seen_[random_() % 16] = requests[i];
            if (requests[i].op <= USERBLK_OP_WRITE &&
                requests[i].offset + requests[i].length <= proper_)
                answers.push_back(redirect(requests[i], file_.get(), requests[i].offset));
            else
                answers.push_back(any_answer(requests[i]));
            move_payload(requests[i]);
        }
        if (random_() % 4 == 0)
            answers.push_back(any_answer(stale()));
        if (!answers.empty())
            put(control_.get(), answers);
        move_payload(stale());
        switch (random_() % 64) {
        case 0:
            reset_all(control_.get());
            break;
        case 1:
            reset_id(control_.get(), stale().id);
            break;
        case 2:
            taken_list(control_.get());
            break;
        default:
            reset_dead(control_.get());
        }
        // What is left taken by refusals goes back.
        for (const userblk_answer& answer : answers)
            if (random_() % 2)
                put(control_.get(), complete(safe(answer.id) ? answer.id : 0, -EIO));
    }

private:
    // Requests for proper blocks are answered properly only, and by their taker.
    bool safe(std::uint64_t id) const {
        for (const userblk_request& request : seen_)
            if (request.id == id)
                return !(request.op <= USERBLK_OP_WRITE &&
                         request.offset + request.length <= proper_);
        return false;
    }
    userblk_request stale() {
        userblk_request request = seen_[random_() % 16];
        if (!safe(request.id)) {
            request = {};
            request.id = random_() << 40 | 3;
            request.payload = random_() >> 1 | 1ull << 62;
        }
        return request;
    }
    int any_fd() { return fds_[random_() % fds_.size()].get(); }
    std::uint64_t any_offset() {
        switch (random_() % 6) {
        case 0:
            return random_();
        case 1:
            return static_cast<std::uint64_t>(INT64_MAX) - random_() % 8192;
        case 2:
            return random_() % 8192;
        default:
            return random_() % (64 << 20) * (random_() % 2 ? 512 : 1) % (16 << 20);
        }
    }
    userblk_answer any_answer(const userblk_request& request) {
        userblk_answer answer = redirect(request, any_fd(), any_offset());
        if (random_() % 2)
            answer = any_extents(request);
        if (random_() % 8 == 0)
            answer.flags = static_cast<std::uint16_t>(random_() % 4);
        if (random_() % 16 == 0)
            answer.length = static_cast<std::uint32_t>(random_());
        if (random_() % 16 == 0)
            answer.addr = random_() % 2 ? bad_address : address(room_.data());
        if (random_() % 8 == 0)
            answer.action = static_cast<std::uint16_t>(random_() % 7);
        return answer;
    }
    userblk_answer any_extents(const userblk_request& request) {
        std::vector<userblk_extent>& extents = extents_[next_++ % 64];
        extents.clear();
        std::uint32_t left = request.length;
        const std::size_t n = 1 + random_() % 33;
        for (std::size_t i = 0; i < n; i++) {
            std::uint32_t length =
                i + 1 == n ? left : static_cast<std::uint32_t>(random_() % (left / 2 + 1));
            if (random_() % 64 == 0)
                length++;
            extents.push_back({random_() % 3 ? random_() % 65536 : any_offset(), length,
                               random_() % 4 ? fds_[random_() % 4].get() : any_fd()});
            if (extents.back().fd < 0)
                extents.back().offset = 0;
            left -= std::min(left, length);
        }
        return redirect(request, extents);
    }
    void move_payload(const userblk_request& request) {
        const bool is_proper = request.op <= USERBLK_OP_WRITE && request.length &&
                               request.offset + request.length <= proper_;
        auto place = static_cast<off_t>(request.payload + random_() % 8192);
        // To fill a properly answered READ would be to answer it.
        switch (random_() % 8) {
        case 0:
            pread(control_.get(), room_.data(), 1 + random_() % 16384, place);
            break;
        case 1:
            if (!is_proper)
                pwrite(control_.get(), room_.data(), 1 + random_() % 16384, place);
            break;
        case 2:
            splice(control_.get(), &place, any_fd(), nullptr, 1 + random_() % 65536,
                   SPLICE_F_NONBLOCK);
            break;
        case 3:
            pread(control_.get(), reinterpret_cast<void*>(bad_address), 4096, place);
            break;
        case 4:
            pread(control_.get(), room_.data(), 4096, static_cast<off_t>(random_() >> 1));
            break;
        default:
            break;
        }
    }

    const Fd& control_;
    const Fd& file_;
    const std::uint64_t proper_;
    const std::vector<Fd>& fds_;
    std::mt19937_64 random_;
    userblk_request seen_[16] = {};
    std::vector<userblk_extent> extents_[64];
    unsigned int next_ = 0;
    Buffer room_{65536};
};

} // namespace

TEST_F(RedirectFuzz, AnswersOfAllKinds) {
    Store its = make_store(default_size);
    auto server = std::make_unique<Server>(other, its);
    const std::vector<Fd> fds = open_everything();
    const auto worker = [&](std::uint64_t seed) {
        return Child([&, seed](ChildSide&) -> int {
            const Fd control = device.open_control();
            Storm storm(control, file, proper, fds, seed);
            for (;;)
                storm.step();
        });
    };
    std::vector<Child> workers;
    for (std::uint64_t i = 0; i < 3; i++)
        workers.push_back(worker(i));
    std::atomic<bool> over = false;
    std::atomic<std::uint64_t> rounds = 0, wild = 0;
    std::thread proper_one([&] {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(8);
        for (; std::chrono::steady_clock::now() < end && !HasFailure(); rounds++) {
            const std::uint64_t seed = rounds;
            std::vector<Io> writes, reads;
            for (std::uint64_t i = 0; i < 8; i++)
                writes.push_back(device.write(i << 16, pattern(12288, i + seed)));
            for (const Io& io : writes)
                EXPECT_EQ(io->result(), 0);
            for (std::uint64_t i = 0; i < 8; i++)
                reads.push_back(device.read(i << 16, 12288));
            for (std::uint64_t i = 0; i < 8; i++) {
                EXPECT_EQ(reads[i]->result(), 0);
                EXPECT_EQ(reads[i]->data(), pattern(12288, i + seed));
            }
        }
        over = true;
    });
    const Fd wild_block = open_file(device.block_path(), O_RDWR | O_DIRECT);
    std::thread wild_one([&] {
        std::minstd_rand random(23);
        Buffer room(65536);
        for (; !over; wild++) {
            const off_t at = static_cast<off_t>(proper + (random() % 128) * 65536);
            const std::size_t length = (1 + random() % 32) * 512;
            std::uint64_t range[2] = {static_cast<std::uint64_t>(at), 65536};
            switch (random() % 6) {
            case 0:
                fsync(wild_block.get());
                break;
            case 1:
                ioctl_error(wild_block.get(), BLKDISCARD, range);
                break;
            case 2:
                fallocate(wild_block.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, 65536);
                break;
            case 3:
                pwrite(wild_block.get(), room.data(), length, at);
                break;
            default:
                pread(wild_block.get(), room.data(), length, at);
            }
        }
    });
    std::minstd_rand random(29);
    for (std::uint64_t seed = 10; !over; seed++) {
        workers[random() % workers.size()] = worker(seed);
        std::this_thread::sleep_for(std::chrono::milliseconds(50 + random() % 200));
        reset_dead(device.control());
    }
    proper_one.join();
    wild_one.join();
    const userblk_info now = info(device.control());
    report("rounds with proper data, wild operations", rounds, wild);
    report("redirects, stale answers", now.redirects, now.stale);
    EXPECT_GT(rounds, 0u);
    EXPECT_GT(wild, 0u);
    EXPECT_GT(now.redirects, 0u);
}

} // namespace userblk::test
