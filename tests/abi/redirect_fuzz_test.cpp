// SPDX-License-Identifier: MIT
//
// Random answers with redirection.
#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>

#include "tests/support/files.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"
#include "tests/support/traffic.hpp"

namespace userblk::test {

namespace {

userblk_config config_of() {
    userblk_config config = test_config();
    config.flags |= USERBLK_F_CACHE | USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES;
    return config;
}

} // namespace

// A bounded storm: answers of all kinds with arbitrary descriptors, extents, offsets and flags,
// random payload reads and writes, RESETs and deaths, against submitters. Nobody knows what the
// answers did, so that the test checks only this: blocks that were answered properly hold their
// data, nothing hangs, the kernel does not complain, and everything can be removed.
class RedirectFuzz : public KernelTest {
protected:
    // Blocks below this offset are served properly; those above it get random answers.
    static constexpr std::uint64_t proper = 4 << 20;

    Fd file = memory_file(default_size);
    TestDevice device{config_of()}, other{config_of()};
    LoopDevice loop{default_size};
    Folder folder;

    static bool is_proper(const userblk_request& request) {
        return request.op <= USERBLK_OP_WRITE && request.offset + request.length <= proper;
    }
    // Descriptors of every kind, some of them invalid.
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
        // Ends requests whose answers were refused.
        for (const userblk_answer& answer : answers)
            if (random_() % 2)
                put(control_.get(), complete(safe(answer.id) ? answer.id : 0, -EIO));
    }

private:
    // Proper blocks are answered properly only, and only by their taker.
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
        // Filling a READ of a proper block would answer it.
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

// Three workers send random answers and are killed and replaced, while one submitter checks its
// proper blocks and another uses the rest.
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
        for (; std::chrono::steady_clock::now() < end && !HasFailure(); rounds++)
            write_and_compare(device, places(8, rounds), 12288);
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
