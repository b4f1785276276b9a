// SPDX-License-Identifier: MIT
#include "userblk/extents.hpp"

#include <gtest/gtest.h>

namespace userblk {
namespace {

// An extent that continues the last one, in the same file, is merged into it.
TEST(Extents, NeighboursAreJoined) {
    Extents extents;
    EXPECT_TRUE(extents.add(3, 4096, 512));
    EXPECT_TRUE(extents.add(3, 4608, 512));
    EXPECT_TRUE(extents.add_hole(512));
    EXPECT_TRUE(extents.add_hole(1024));
    ASSERT_EQ(extents.size(), 2U);
    EXPECT_EQ(extents[0].length, 1024U);
    EXPECT_TRUE(extents[1].is_hole());
    EXPECT_EQ(extents.length(), 2560U);
}

// Another file, another place, or a gap starts a new extent.
TEST(Extents, OthersAreNotJoined) {
    Extents extents;
    extents.add(3, 0, 512);
    extents.add(4, 512, 512);
    extents.add(4, 4096, 512);
    EXPECT_EQ(extents.size(), 3U);
}

// A flush names files: each is its own extent, of zero length.
TEST(Extents, AFlushNamesEachFile) {
    Extents extents;
    extents.add(3, 0, 0);
    extents.add(4, 0, 0);
    EXPECT_EQ(extents.size(), 2U);
    EXPECT_EQ(extents.length(), 0U);
    EXPECT_FALSE(extents.only_holes());
}

// When the list is full, or a length too large, nothing is added.
TEST(Extents, WhatDoesNotFitIsNotAdded) {
    Extents extents;
    for (std::size_t i = 0; i < Extents::capacity; ++i)
        ASSERT_TRUE(extents.add(3, i * 8192, 512));
    EXPECT_FALSE(extents.add(3, 1 << 30, 512));
    EXPECT_EQ(extents.size(), Extents::capacity);
    EXPECT_TRUE(extents.add(3, (Extents::capacity - 1) * 8192 + 512, 512)); // merged
    extents.clear();
    EXPECT_FALSE(extents.add(3, 0, std::uint64_t{1} << 32));
    EXPECT_TRUE(extents.empty());
}

} // namespace
} // namespace userblk
