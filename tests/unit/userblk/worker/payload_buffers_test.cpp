// SPDX-License-Identifier: MIT
#include "userblk/worker/payload_buffers.hpp"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <vector>

namespace userblk {
namespace {

constexpr std::size_t transfer = 512 << 10;

// A batch's buffers and the heap are in use at the same time and do not overlap.
TEST(PayloadBuffers, BuffersAndHeapDoNotOverlap) {
    constexpr unsigned records = 8;
    PayloadBuffers buffers(transfer, records);
    const auto heap = buffers.allocate(transfer);
    ASSERT_EQ(heap.size(), transfer);
    std::memset(heap.data(), 0xff, heap.size());
    EXPECT_EQ(buffers.buffer(0).size(), transfer);
    for (unsigned i = 0; i < records; ++i)
        std::memset(buffers.buffer(i).data(), static_cast<int>(i + 1), buffers.buffer(i).size());
    for (unsigned i = 0; i < records; ++i) {
        EXPECT_EQ(buffers.buffer(i).front(), std::byte(i + 1));
        EXPECT_EQ(buffers.buffer(i).back(), std::byte(i + 1));
    }
    EXPECT_EQ(heap.front(), std::byte(0xff));
    EXPECT_EQ(heap.back(), std::byte(0xff));
}

// Answers to reads pile up until the heap is full; once sent, it is empty again.
TEST(PayloadBuffers, AFullHeapIsReportedAndCanBeEmptied) {
    PayloadBuffers buffers(transfer, 1);
    for (std::size_t taken = 0; taken < transfer; taken += 128 << 10)
        EXPECT_FALSE(buffers.allocate(128 << 10).empty());
    EXPECT_TRUE(buffers.allocate(512).empty());
    buffers.free_all();
    EXPECT_EQ(buffers.allocate(transfer).size(), transfer);
}

// An idle worker frees its memory and can use it again.
TEST(PayloadBuffers, TrimmedMemoryCanBeUsedAgain) {
    PayloadBuffers buffers(4 << 20, 32);
    std::memset(buffers.buffer(0).data(), 1, buffers.buffer(0).size());
    buffers.trim();
    EXPECT_EQ(buffers.buffer(0).front(), std::byte(0));
    std::memset(buffers.buffer(0).data(), 1, buffers.buffer(0).size());
    EXPECT_EQ(buffers.buffer(0).back(), std::byte(1));
}

// Preloading makes all of it resident without touching it.
TEST(PayloadBuffers, IsPreloadedAsAWhole) {
    PayloadBuffers buffers(transfer, 4);
    const auto in_memory = [&] {
        const auto first = buffers.buffer(0), last = buffers.buffer(3);
        std::vector<unsigned char> pages(
            static_cast<std::size_t>(last.data() + last.size() - first.data()) / 4096);
        EXPECT_EQ(::mincore(first.data(), pages.size() * 4096, pages.data()), 0);
        return std::count_if(pages.begin(), pages.end(), [](auto page) { return page & 1; });
    };
    EXPECT_EQ(in_memory(), 0);
    EXPECT_FALSE(buffers.preload());
    EXPECT_EQ(in_memory(), static_cast<long>((transfer + 3 * PayloadBuffers::small_buffer) / 4096));
}

// The amount touched decides whether waking up to free it is worthwhile.
TEST(PayloadBuffers, ReportsHowMuchWasTouched) {
    PayloadBuffers buffers(transfer, 4);
    EXPECT_EQ(buffers.touched(), 0U);
    buffers.filled(1, 4096);
    buffers.filled(1, 512); // the same buffer: less than before
    buffers.filled(2, 8192);
    EXPECT_EQ(buffers.touched(), 12288U);
    ASSERT_FALSE(buffers.allocate(5000).empty());
    buffers.free_all();
    ASSERT_FALSE(buffers.allocate(512).empty()); // the same memory
    EXPECT_EQ(buffers.touched(), 12288U + 8192U);
    buffers.trim();
    EXPECT_EQ(buffers.touched(), 0U);
}

} // namespace
} // namespace userblk
