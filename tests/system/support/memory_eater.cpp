// SPDX-License-Identifier: MIT
#include "tests/system/support/memory_eater.hpp"

#include <csignal>
#include <new>
#include <random>
#include <span>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/eventually.hpp"
#include "tests/support/process.hpp"
#include "userblk/process_setup.hpp"

namespace userblk::test {

namespace {

constexpr std::size_t words = 512; // of a page
using Page = std::uint64_t[words];

// No two pages are alike, nor two versions of one.
std::uint64_t word(std::size_t page, std::uint32_t version, std::size_t at) {
    return (page * words + at + 1) * 0x9e3779b97f4a7c15 ^ version;
}

void write(Page& memory, std::size_t page, std::uint32_t version) {
    for (std::size_t i = 0; i < words; i++)
        memory[i] = word(page, version, i);
}

bool right(const Page& memory, std::size_t page, std::uint32_t version) {
    for (std::size_t i = 0; i < words; i++)
        if (memory[i] != word(page, version, i))
            return false;
    return true;
}

void* map(std::size_t size, int kind) {
    void* const memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        throw_errno("unable to map memory");
    return memory;
}

} // namespace

void MemoryEater::Unmap::operator()(void* memory) const {
    ::munmap(memory, sizeof(Shared));
}

MemoryEater::MemoryEater(std::size_t size)
    : memory_(new (map(sizeof(Shared), MAP_SHARED)) Shared),
      child_([this, size](ChildSide&) { return eat(size, shared()); }) {}

// If the OOM killer must pick a process, it picks this one.
int MemoryEater::eat(std::size_t size, Shared& shared) {
    if (set_oom_score_adj(1000))
        return 2;
    const std::size_t count = size / sizeof(Page);
    auto* const memory = static_cast<Page*>(map(size, MAP_PRIVATE));
    std::vector<std::uint32_t> versions(count, 1);
    for (std::size_t i = 0; i < count; i++, shared.pages++)
        write(memory[i], i, 1);
    shared.filled = true;
    std::minstd_rand dice(2009);
    while (!shared.stop) {
        const std::size_t page = dice() % count;
        shared.wrong += !right(memory[page], page, versions[page]);
        write(memory[page], page, ++versions[page]);
        shared.pages++;
    }
    for (std::size_t i = 0; i < count; i++, shared.pages++)
        shared.wrong += !right(memory[i], i, versions[i]);
    return shared.wrong ? 1 : 0;
}

bool MemoryEater::running() const {
    const char state = process_state(child_.pid());
    return state && state != 'Z';
}

void MemoryEater::finish() {
    shared().stop = true;
    EXPECT_TRUE(eventually([this] { return !running(); }, 20 * patience));
    EXPECT_EQ(child_.wait(), 0) << shared().wrong << " pages have the wrong content";
}

} // namespace userblk::test
