// SPDX-License-Identifier: MIT
// All threads of a worker call the store at once (backend.hpp). Here without a kernel, so that
// ThreadSanitizer can watch: scripts/check-sanitizers thread.
#include "userblk/backends/error_backend.hpp"
#include "userblk/backends/file_backend.hpp"
#include "userblk/backends/memory_backend.hpp"
#include "userblk/backends/null_backend.hpp"
#include "userblk/backends/stats_backend.hpp"

#include "tests/unit/userblk/temporary.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>

namespace userblk {
namespace {

constexpr unsigned threads = 4;
constexpr std::uint64_t piece = 64 << 10; // of the store, for each thread
constexpr int rounds = 50;

// Starts them as simultaneously as possible.
void in_threads(const std::function<void(unsigned thread)>& work) {
    std::atomic<unsigned> ready = 0;
    std::vector<std::thread> all;
    for (unsigned i = 0; i < threads; ++i)
        all.emplace_back([&, i] {
            for (++ready; ready < threads;)
                std::this_thread::yield();
            work(i);
        });
    for (auto& thread : all)
        thread.join();
}

unsigned char value_of(unsigned thread, int round) {
    return static_cast<unsigned char>(1 + thread * 61 + static_cast<unsigned>(round) % 60);
}

// Writes, reads back and discards in turn, in a piece of the store that belongs to this thread.
void use_piece(Backend& store, unsigned thread) {
    const auto offset = thread * piece;
    std::vector<std::byte> read(piece);
    for (int round = 0; round < rounds; ++round) {
        const auto data = test::filled(piece, value_of(thread, round));
        ASSERT_FALSE(store.write(offset, data, {}));
        ASSERT_FALSE(store.read(offset, read));
        ASSERT_EQ(read, data);
        if (round % 5 != 0)
            continue;
        ASSERT_FALSE(store.discard(offset, piece));
        ASSERT_FALSE(store.read(offset, read));
        ASSERT_EQ(read, test::filled(piece, 0));
    }
}

class ThreadsTest : public testing::Test {
protected:
    ~ThreadsTest() override { MemoryBackend::remove(name); }

    test::TemporaryFolder folder;
    std::string name = MemoryBackend::segment_named("unit-threads-" + std::to_string(::getpid()));
};

// Each thread finds its own data in its piece, and zeros where it discarded.
TEST_F(ThreadsTest, FindWhatTheyWroteInAFile) {
    FileBackend file(folder.file("disk", threads * piece), FileBackend::Mode::read_write);
    in_threads([&](unsigned thread) { use_piece(file, thread); });
}

// The same in memory that is too small at first: each thread makes it grow, and the mapping is
// replaced under the others.
TEST_F(ThreadsTest, FindWhatTheyWroteInMemoryThatGrows) {
    MemoryBackend memory(name, 4096);
    in_threads([&](unsigned thread) { use_piece(memory, thread); });
    EXPECT_GE(memory.describe().size, threads * piece);
}

// Data are copied to and from the mapping itself, as the kernel does. All threads share the
// knowledge about resident pages, which shrinks as others discard theirs.
TEST_F(ThreadsTest, FindWhatTheyStoredInTheMapping) {
    MemoryBackend memory(name, threads * piece);
    in_threads([&](unsigned thread) {
        const auto offset = thread * piece;
        for (int round = 0; round < rounds; ++round) {
            const auto to = memory.mapping(offset, piece, Backend::Access::store);
            ASSERT_EQ(to.size(), piece);
            const auto value = std::byte(value_of(thread, round));
            std::fill(to.begin(), to.end(), value);
            const auto from = memory.mapping(offset, piece, Backend::Access::load);
            // Empty: read() must be used for this page.
            ASSERT_TRUE(from.empty() || from.size() == piece);
            ASSERT_TRUE(std::all_of(from.begin(), from.end(), [=](auto b) { return b == value; }));
            if (round % 5 == 0) {
                ASSERT_FALSE(memory.discard(offset, piece));
            }
        }
    });
}

// Decorators count all threads' calls together, each exactly once.
TEST_F(ThreadsTest, AreCountedTogether) {
    constexpr std::uint64_t interval = 7;
    const auto stats = std::make_shared<StatsBackend>(std::make_shared<NullBackend>(piece));
    ErrorBackend failing(stats, interval);
    std::atomic<std::uint64_t> failures = 0;
    in_threads([&](unsigned) {
        std::vector<std::byte> data(512);
        for (int round = 0; round < 7 * rounds; ++round)
            failures += bool(round % 2 ? failing.read(0, data) : failing.write(0, data, {}));
    });
    constexpr auto calls = std::uint64_t(threads) * interval * rounds;
    EXPECT_EQ(failures, calls / interval);
    EXPECT_EQ(stats->counts().reads + stats->counts().writes, calls - calls / interval);
}

} // namespace
} // namespace userblk
