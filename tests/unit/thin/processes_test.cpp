// SPDX-License-Identifier: MIT
//
// Several processes, killed at random, on one volume.
#include "examples/thin/thin_backend.hpp"

#include "tests/unit/userblk/temporary.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace thin {
namespace {

using userblk::test::filled;
using namespace std::chrono_literals;

constexpr std::uint64_t block = 4096;
constexpr std::uint64_t contested = 200; // written and discarded by all at once
constexpr std::uint64_t kept = 20'000;   // each written once and expected from then on

// In memory shared by all processes.
struct Shared {
    std::atomic<std::uint64_t> next{0}; // of the kept blocks
    std::atomic<bool> acknowledged[kept];
    std::atomic<int> wrong{0};
};

std::vector<std::byte> content_of(std::uint64_t number) {
    std::vector<std::uint64_t> words(block / sizeof(number), number + 1);
    std::vector<std::byte> bytes(block);
    std::memcpy(bytes.data(), words.data(), block);
    return bytes;
}

// Whether each sector of the block is zeros or its own content.
bool is_own_or_zeros(ThinBackend& backend, std::uint64_t number) {
    auto data = filled(block, 0x55);
    if (backend.read(number * block, data))
        return false;
    const auto own = content_of(number);
    for (std::size_t at = 0; at < block; at += 512) {
        const bool zeros = std::all_of(data.begin() + static_cast<std::ptrdiff_t>(at),
                                       data.begin() + static_cast<std::ptrdiff_t>(at) + 512,
                                       [](std::byte byte) { return byte == std::byte{0}; });
        if (!zeros &&
            !std::equal(data.begin() + static_cast<std::ptrdiff_t>(at),
                        data.begin() + static_cast<std::ptrdiff_t>(at) + 512, own.begin()))
            return false;
    }
    return true;
}

bool is_own(ThinBackend& backend, std::uint64_t number) {
    auto data = filled(block, 0x55);
    return !backend.read(number * block, data) && data == content_of(number);
}

void step(ThinBackend& backend, Shared& shared, std::mt19937& random) {
    const auto number = random() % contested;
    switch (random() % 4) {
    case 0:
        shared.wrong += bool(backend.write(number * block, content_of(number), {}));
        break;
    case 1:
        shared.wrong += bool(backend.discard(number * block, (random() % 8 + 1) * block));
        break;
    case 2:
        shared.wrong += !is_own_or_zeros(backend, number);
        break;
    default:
        const auto mine = shared.next.fetch_add(1);
        if (mine >= kept)
            break;
        const auto where = contested + 8 + mine;
        shared.wrong += bool(backend.write(where * block, content_of(where), {}));
        shared.acknowledged[mine] = true;
        const auto others = random() % (mine + 1);
        if (shared.acknowledged[others])
            shared.wrong += !is_own(backend, contested + 8 + others);
    }
}

pid_t start(const std::string& store, const std::string& map, Shared& shared, unsigned seed) {
    const pid_t child = ::fork();
    if (child != 0)
        return child;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
        ThinBackend backend(store, map);
        std::mt19937 random(seed);
        for (;;)
            step(backend, shared, random);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "worker: %s\n", error.what());
        ++shared.wrong;
    }
    ::_exit(1);
}

// Four processes write and discard the same blocks at once, and other blocks once each, while one
// process after the other is killed and replaced; the log is rewritten many times. No place has two
// owners (that would be damage), no block ever shows another one's content, and every process sees
// every acknowledged write at once.
TEST(ThinProcessesTest, KilledAtRandomTheyLoseAndMixUpNothing) {
    const userblk::test::TemporaryFolder folder;
    const auto store = folder.file("store", 0);
    const std::string map = folder.path() / "store.map";
    SharedMap::create(map, {.block_size = block, .size = 32768 * block, .spare = 150});
    void* const memory =
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    auto& shared = *new (memory) Shared;
    std::mt19937 random(2009);
    std::vector<pid_t> workers;
    for (unsigned i = 0; i < 4; ++i)
        workers.push_back(start(store, map, shared, i));
    for (unsigned kills = 0; kills < 150; ++kills) {
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 40'000));
        auto& victim = workers[random() % workers.size()];
        ::kill(victim, SIGKILL);
        ::waitpid(victim, nullptr, 0);
        victim = start(store, map, shared, 100 + kills);
    }
    for (const auto worker : workers) {
        ::kill(worker, SIGKILL);
        ::waitpid(worker, nullptr, 0);
    }
    EXPECT_EQ(shared.wrong, 0);
    ThinBackend backend(store, map);
    for (std::uint64_t number = 0; number < contested; ++number)
        EXPECT_TRUE(is_own_or_zeros(backend, number)) << number;
    std::uint64_t written = 0;
    for (std::uint64_t i = 0; i < std::min(kept, shared.next.load()); ++i)
        if (shared.acknowledged[i]) {
            ++written;
            EXPECT_TRUE(is_own(backend, contested + 8 + i)) << i;
        }
    EXPECT_GT(written, 100U);
    std::printf("%lu blocks written once, %lu mapped, %lu records in the last log\n", written,
                backend.volume().map().mapped(), backend.volume().header().capacity);
    ::munmap(memory, sizeof(Shared));
}

} // namespace
} // namespace thin
