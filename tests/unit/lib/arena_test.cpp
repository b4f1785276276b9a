// SPDX-License-Identifier: MIT
#include "userblk/arena.hpp"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <vector>

namespace userblk {
namespace {

constexpr std::size_t transfer = 512 << 10;

// The rooms of a batch and the heap are used at the same time: none touches another.
TEST(Arena, RoomsAndHeapDoNotOverlap) {
    constexpr unsigned records = 8;
    Arena arena(transfer, records);
    const auto heap = arena.allocate(transfer);
    ASSERT_EQ(heap.size(), transfer);
    std::memset(heap.data(), 0xff, heap.size());
    EXPECT_EQ(arena.room(0).size(), transfer);
    for (unsigned i = 0; i < records; ++i)
        std::memset(arena.room(i).data(), static_cast<int>(i + 1), arena.room(i).size());
    for (unsigned i = 0; i < records; ++i) {
        EXPECT_EQ(arena.room(i).front(), std::byte(i + 1));
        EXPECT_EQ(arena.room(i).back(), std::byte(i + 1));
    }
    EXPECT_EQ(heap.front(), std::byte(0xff));
    EXPECT_EQ(heap.back(), std::byte(0xff));
}

// The answers to reads pile up until the heap is full; sent, it is empty again.
TEST(Arena, AFullHeapIsToldAndCanBeEmptied) {
    Arena arena(transfer, 1);
    for (std::size_t taken = 0; taken < transfer; taken += 128 << 10)
        EXPECT_FALSE(arena.allocate(128 << 10).empty());
    EXPECT_TRUE(arena.allocate(512).empty());
    arena.free_all();
    EXPECT_EQ(arena.allocate(transfer).size(), transfer);
}

// An idle worker gives its memory back and can use it again.
TEST(Arena, TrimmedMemoryCanBeUsedAgain) {
    Arena arena(4 << 20, 32);
    std::memset(arena.room(0).data(), 1, arena.room(0).size());
    arena.trim();
    EXPECT_EQ(arena.room(0).front(), std::byte(0));
    std::memset(arena.room(0).data(), 1, arena.room(0).size());
    EXPECT_EQ(arena.room(0).back(), std::byte(1));
}

// Taken beforehand, all of it is there without having been touched.
TEST(Arena, IsPopulatedAsAWhole) {
    Arena arena(transfer, 4);
    const auto in_memory = [&] {
        const auto first = arena.room(0), last = arena.room(3);
        std::vector<unsigned char> pages(
            static_cast<std::size_t>(last.data() + last.size() - first.data()) / 4096);
        EXPECT_EQ(::mincore(first.data(), pages.size() * 4096, pages.data()), 0);
        return std::count_if(pages.begin(), pages.end(), [](auto page) { return page & 1; });
    };
    EXPECT_EQ(in_memory(), 0);
    EXPECT_FALSE(arena.populate());
    EXPECT_EQ(in_memory(), static_cast<long>((transfer + 3 * Arena::small_room) / 4096));
}

// What was touched decides whether it is worth to wake up and give it back.
TEST(Arena, TellsHowMuchWasTouched) {
    Arena arena(transfer, 4);
    EXPECT_EQ(arena.touched(), 0U);
    arena.filled(1, 4096);
    arena.filled(1, 512); // the same room: less than before
    arena.filled(2, 8192);
    EXPECT_EQ(arena.touched(), 12288U);
    ASSERT_FALSE(arena.allocate(5000).empty());
    arena.free_all();
    ASSERT_FALSE(arena.allocate(512).empty()); // the same memory
    EXPECT_EQ(arena.touched(), 12288U + 8192U);
    arena.trim();
    EXPECT_EQ(arena.touched(), 0U);
}

} // namespace
} // namespace userblk
