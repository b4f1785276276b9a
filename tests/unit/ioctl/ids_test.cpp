// SPDX-License-Identifier: MIT
//
// The header's promises about ids and records, checked by arithmetic.
#include <type_traits>

#include <gtest/gtest.h>

#include "ioctl/userblk_ioctl.h"

// An id splits into the parts that it was made of, at their limits.
TEST(Id, IsGenerationQueueAndTag) {
    const __u64 id = 0xfedcba98'00ff'0fffull;
    EXPECT_EQ(USERBLK_ID_GENERATION(id), 0xfedcba98u);
    EXPECT_EQ(USERBLK_ID_QUEUE(id), 0xffu);
    EXPECT_EQ(USERBLK_ID_TAG(id), 0xfffu);
}

// Each part has room for what the limits allow.
TEST(Id, HoldsEveryQueueAndTag) {
    EXPECT_LE(USERBLK_MAX_QUEUES, 0x10000u);
    EXPECT_LE(USERBLK_MAX_DEPTH, 0x10000u);
    EXPECT_EQ(USERBLK_ID_QUEUE(0xffffffff'ffff'0000ull), 0xffffu);
    EXPECT_EQ(USERBLK_ID_TAG(0xffffffff'0000'ffffull), 0xffffu);
}

// Macro arguments may be expressions, signed ones too.
TEST(Id, MacrosTakeExpressions) {
    const __u64 generation = 7;
    EXPECT_EQ(USERBLK_ID_GENERATION(generation << 32 | 5), 7u);
    EXPECT_EQ(USERBLK_ID_TAG(generation << 32 | 5), 5u);
    EXPECT_EQ(USERBLK_ID_QUEUE(generation << 32 | 3u << 16 | 5), 3u);
}

// Records are copied as bytes, between processes too.
TEST(Records, ArePlainBytes) {
    EXPECT_TRUE(std::is_trivially_copyable_v<userblk_request>);
    EXPECT_TRUE(std::is_trivially_copyable_v<userblk_answer>);
    EXPECT_TRUE(std::has_unique_object_representations_v<userblk_config>);
    EXPECT_TRUE(std::has_unique_object_representations_v<userblk_request>);
    EXPECT_TRUE(std::has_unique_object_representations_v<userblk_answer>);
    EXPECT_TRUE(std::has_unique_object_representations_v<userblk_serve>);
    EXPECT_TRUE(std::has_unique_object_representations_v<userblk_reset>);
    EXPECT_TRUE(std::has_unique_object_representations_v<userblk_info>);
    EXPECT_TRUE(std::has_unique_object_representations_v<userblk_taken>);
    EXPECT_TRUE(std::has_unique_object_representations_v<userblk_list>);
    EXPECT_TRUE(std::has_unique_object_representations_v<userblk_list_entry>);
    EXPECT_TRUE(std::has_unique_object_representations_v<userblk_resize>);
    EXPECT_TRUE(std::has_unique_object_representations_v<userblk_wake>);
}
