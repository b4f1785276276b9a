// SPDX-License-Identifier: MIT
#include "examples/thin/block_map.hpp"

#include <gtest/gtest.h>
#include <random>

namespace thin {
namespace {

Record place(std::uint64_t block, std::uint64_t at, std::uint64_t count = 1) {
    return {.kind = Record::Kind::place, .block = block, .place = at, .count = count};
}

Record free_blocks(std::uint64_t block, std::uint64_t count = 1) {
    return {.kind = Record::Kind::free, .block = block, .count = count};
}

Record move(std::uint64_t block, std::uint64_t from) {
    return {.kind = Record::Kind::move, .block = block, .place = from, .count = 1};
}

void expect_same(const BlockMap& one, const BlockMap& other) {
    EXPECT_EQ(one.mapped(), other.mapped());
    EXPECT_EQ(one.freed(), other.freed());
    EXPECT_EQ(one.used(), other.used());
    for (std::uint64_t block = 0; block < one.blocks(); ++block) {
        EXPECT_EQ(one.place(block), other.place(block)) << block;
        EXPECT_EQ(one.home(block), other.home(block)) << block;
    }
}

// A block gets a place, is freed, and is used again; its place stays its own all the time.
TEST(BlockMapTest, AFreedBlockKeepsItsPlace) {
    BlockMap map(100);
    EXPECT_FALSE(map.place(7));
    map.apply(place(7, 0, 3));
    EXPECT_EQ(map.place(8), 1U);
    EXPECT_EQ(map.mapped(), 3U);
    map.apply(free_blocks(0, 9)); // 9 stays, and blocks without a place do not matter
    EXPECT_FALSE(map.place(8));
    EXPECT_EQ(map.home(8), 1U);
    EXPECT_EQ(map.place(9), 2U);
    EXPECT_EQ(map.freed(), 2U);
    EXPECT_THROW(map.apply(place(20, 1)), Damaged);
    map.apply(place(8, 1));
    EXPECT_EQ(map.place(8), 1U);
    EXPECT_EQ(map.used(), 3U);
}

// A freed block's place moves to another block, and to no third.
TEST(BlockMapTest, APlaceMovesOnce) {
    BlockMap map(100);
    map.apply(place(0, 0, 2));
    EXPECT_THROW(map.apply(move(50, 0)), Damaged) << "it is in use";
    map.apply(free_blocks(0));
    EXPECT_EQ(map.find_free([](auto) { return true; }), 0U);
    map.apply(move(50, 0));
    EXPECT_EQ(map.place(50), 0U);
    EXPECT_FALSE(map.home(0));
    EXPECT_EQ(map.freed(), 0U);
    EXPECT_THROW(map.apply(move(51, 0)), Damaged);
    EXPECT_THROW(map.apply(place(0, 0)), Damaged);
}

// Impossible records are refused and change nothing.
TEST(BlockMapTest, NonsenseIsRefused) {
    BlockMap map(10);
    map.apply(place(3, 0));
    for (const auto& wrong :
         {place(3, 1), place(2, 0), place(9, 1, 2), place(0, 9, 2), place(0, 1, 0),
          place(~std::uint64_t(0), 1), free_blocks(5, 6), free_blocks(10), move(4, 5), move(3, 3),
          move(4, 100), Record{.kind = Record::Kind::prepared, .place = 11}, Record{},
          Record{.kind = Record::Kind(77)}})
        EXPECT_THROW(map.apply(wrong), Damaged);
    EXPECT_EQ(map.mapped(), 1U);
    EXPECT_EQ(map.used(), 1U);
}

// Prepared places lie behind the used ones, and can be voided again.
TEST(BlockMapTest, WhatIsPreparedIsBehindWhatIsUsed) {
    BlockMap map(10);
    EXPECT_EQ(map.prepared(), 0U);
    map.apply({.kind = Record::Kind::prepared, .place = 6});
    EXPECT_EQ(map.prepared(), 6U);
    map.apply(place(0, 0, 2));
    EXPECT_EQ(map.prepared(), 6U);
    map.apply({.kind = Record::Kind::prepared, .place = 0});
    EXPECT_EQ(map.prepared(), 2U);
}

// A map of any history is the same after it has been written and read back.
TEST(BlockMapTest, RecordsSayItAll) {
    std::mt19937 random(1);
    BlockMap map(300);
    for (int step = 0; step < 2000; ++step) {
        const auto block = random() % 300;
        if (map.place(block) && random() % 2)
            map.apply(free_blocks(block));
        else if (!map.place(block) && map.home(block))
            map.apply(place(block, *map.home(block)));
        else if (!map.place(block) && map.used() < 200)
            map.apply(place(block, map.used()));
        else if (!map.place(block) && map.freed() > 0)
            map.apply(move(block, *map.find_free([](auto) { return true; })));
        if (step % 100 == 0) {
            BlockMap again(300);
            for (const auto& record : map.records())
                again.apply(record);
            expect_same(map, again);
        }
    }
    EXPECT_GT(map.freed(), 0U);
}

} // namespace
} // namespace thin
