// SPDX-License-Identifier: MIT
#include "examples/thin/thin_backend.hpp"

#include "tests/unit/userblk/temporary.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>

namespace thin {
namespace {

using userblk::test::filled;

constexpr std::uint64_t block = 65536;
constexpr std::uint64_t blocks = 64;

// The kernel's answers, as the test sets them.
struct KernelSays {
    bool have = true;
    std::optional<std::vector<Requests::Range>> under_way = std::vector<Requests::Range>();
};

class TestRequests : public Requests {
public:
    explicit TestRequests(const KernelSays& says) : says_(says) {}
    bool have(const userblk::Operation&) const override { return says_.have; }
    std::optional<std::vector<Range>> under_way() const override { return says_.under_way; }

private:
    const KernelSays& says_;
};

class ThinBackendTest : public testing::Test {
protected:
    void SetUp() override { create(0); }
    // The store cannot grow beyond @p limit.
    void create(std::uint64_t limit) {
        std::filesystem::remove(map);
        SharedMap::create(
            map, {.block_size = block, .size = blocks * block, .limit = limit, .spare = 1000});
    }
    std::shared_ptr<ThinBackend> open() const {
        return std::make_shared<ThinBackend>(store, map, std::make_unique<TestRequests>(kernel));
    }
    static void expect(userblk::Backend& backend, std::uint64_t offset, std::size_t length,
                       unsigned char value) {
        auto data = filled(length, 0x55);
        ASSERT_FALSE(backend.read(offset, data));
        EXPECT_TRUE(data == filled(length, value)) << "at " << offset;
    }
    // Like a write that was redirected to that place long ago and lands now.
    void write_late(std::uint64_t place, unsigned char value) const {
        const auto fd = open_file(store, O_RDWR);
        write_all(fd.get(), filled(block, value), place * block);
    }
    std::uint64_t allocated() const { return Store(store, true).allocated(); }

    KernelSays kernel;
    userblk::test::TemporaryFolder folder;
    std::string store = folder.file("store", 0);
    std::string map = folder.path() / "store.map";
};

// Nothing is allocated at first, and everything reads as zeros. A write takes one block; the rest
// of the block is zeros. Other workers see it at once, and so do later ones.
TEST_F(ThinBackendTest, BlocksTakeSpaceWhenTheyAreWritten) {
    const auto one = open(), other = open();
    expect(*one, 0, blocks * block / 2, 0);
    EXPECT_EQ(one->volume().map().mapped(), 0U);
    ASSERT_FALSE(one->write(5 * block + 4096, filled(4096, 0xaa), {}));
    for (const auto& worker : {one, other, open()}) {
        expect(*worker, 5 * block, 4096, 0);
        expect(*worker, 5 * block + 4096, 4096, 0xaa);
        expect(*worker, 5 * block + 8192, 4 * block, 0);
        EXPECT_EQ(worker->volume().map().mapped(), 1U);
    }
    EXPECT_GE(Store(store, true).size(), block);
}

// A write over several blocks, some of them allocated, gets as few extents as possible.
TEST_F(ThinBackendTest, WhatIsWrittenTogetherLiesTogether) {
    const auto backend = open();
    userblk::Extents to;
    ASSERT_FALSE(backend->redirect({userblk::Operation::Kind::write, 8192, 6 * block}, to));
    EXPECT_EQ(to.size(), 1U);
    EXPECT_EQ(to.length(), 6 * block);
    ASSERT_FALSE(backend->write(20 * block, filled(block, 1), {}));
    ASSERT_FALSE(backend->write(18 * block, filled(5 * block, 2), {.fua = true}));
    expect(*backend, 18 * block, 5 * block, 2);
    to.clear();
    ASSERT_FALSE(backend->redirect({userblk::Operation::Kind::flush}, to));
    EXPECT_EQ(to.size(), 2U) << "store and map";
    EXPECT_EQ(to.length(), 0U);
}

// Threads of two workers write, discard and rewrite, each its own blocks: all find their own data,
// whichever worker allocated the places.
TEST_F(ThinBackendTest, ThreadsOfTwoWorkersDoNotMixUpTheirBlocks) {
    constexpr std::uint64_t threads = 4, each = 8;
    const std::vector<std::shared_ptr<ThinBackend>> workers = {open(), open()};
    const auto use = [&](std::uint64_t thread) {
        auto& worker = *workers[thread % workers.size()];
        for (std::uint64_t step = 0; step < 4 * each; ++step) {
            const auto offset = (thread * each + step % each) * block;
            const auto value = static_cast<unsigned char>(1 + thread * each * 4 + step);
            ASSERT_FALSE(worker.write(offset, filled(4096, value), {}));
            expect(worker, offset, 4096, value);
            if (step < 2 * each) {
                ASSERT_FALSE(worker.discard(offset, block));
            }
        }
    };
    std::vector<std::thread> all;
    for (std::uint64_t thread = 0; thread < threads; ++thread)
        all.emplace_back(use, thread);
    for (auto& thread : all)
        thread.join();
    EXPECT_EQ(open()->volume().map().mapped(), threads * each);
}

// A discard frees the blocks that it covers completely, and the store releases the space. After a
// partial write, the rest of such a block is zeros, although a late write had landed there.
TEST_F(ThinBackendTest, ADiscardFreesWholeBlocks) {
    const auto backend = open();
    ASSERT_FALSE(backend->write(0, filled(32 * block, 0xaa), {}));
    const auto full = allocated();
    ASSERT_FALSE(backend->discard(4096, 16 * block));
    EXPECT_EQ(backend->volume().map().mapped(), 17U);
    EXPECT_LE(allocated(), full - 15 * block + 8192);
    expect(*backend, 0, block, 0xaa);
    expect(*backend, block, 15 * block, 0);
    expect(*backend, 16 * block, 16 * block, 0xaa);
    write_late(3, 0xee);
    expect(*backend, 3 * block, block, 0);
    ASSERT_FALSE(backend->write(3 * block, filled(512, 0xbb), {}));
    expect(*backend, 3 * block, 512, 0xbb);
    expect(*backend, 3 * block + 512, block - 512, 0);
    expect(*open(), 4 * block, block, 0);
}

// A late write to a freed block hits no other block, however many are written.
TEST_F(ThinBackendTest, ALateWriteHitsNobodyElse) {
    const auto backend = open();
    ASSERT_FALSE(backend->write(0, filled(block, 0xaa), {}));
    ASSERT_FALSE(backend->discard(0, block));
    for (std::uint64_t other = 1; other < blocks; ++other)
        ASSERT_FALSE(backend->write(other * block, filled(block, 0xbb), {}));
    write_late(0, 0xee);
    for (std::uint64_t other = 1; other < blocks; ++other)
        expect(*backend, other * block, block, 0xbb);
    expect(*backend, 0, block, 0);
}

// A worker is stopped in the middle of a discard, another worker carries the request out, and the
// first one resumes: it frees nothing written since.
TEST_F(ThinBackendTest, ADiscardThatWasPutBackDoesNothing) {
    const auto backend = open();
    ASSERT_FALSE(backend->write(0, filled(block, 0xaa), {}));
    kernel.have = false;
    EXPECT_TRUE(backend->discard(0, block));
    EXPECT_TRUE(backend->write_zeroes(0, block + 4096, {}));
    expect(*backend, 0, block, 0xaa);
    EXPECT_EQ(backend->volume().map().mapped(), 1U);
}

// Zeroing turns whole blocks into holes, zeroes parts, and leaves holes alone; if the blocks must
// be allocated, all of them are.
TEST_F(ThinBackendTest, ZerosAreWrittenOnlyWhereTheyMust) {
    const auto backend = open();
    ASSERT_FALSE(backend->write(0, filled(4 * block, 0xaa), {}));
    ASSERT_FALSE(backend->write_zeroes(block - 4096, 2 * block + 8192, {.fua = true}));
    EXPECT_EQ(backend->volume().map().mapped(), 2U);
    expect(*backend, 0, block - 4096, 0xaa);
    expect(*backend, block - 4096, 2 * block + 8192, 0);
    expect(*backend, 3 * block + 4096, block - 4096, 0xaa);
    ASSERT_FALSE(backend->write_zeroes(40 * block, 4096, {}));
    EXPECT_EQ(backend->volume().map().mapped(), 2U);
    ASSERT_FALSE(backend->write_zeroes(0, 8 * block, {.keep_allocated = true}));
    EXPECT_EQ(backend->volume().map().mapped(), 8U);
    expect(*backend, 0, 8 * block, 0);
}

// A store with room for 8 blocks: the ninth write fails for lack of space, nothing else fails.
// Freed places then serve other blocks, and read as zeros.
TEST_F(ThinBackendTest, AFullStoreUsesFreedPlacesAgain) {
    create(8 * block);
    const auto backend = open();
    ASSERT_FALSE(backend->write(0, filled(8 * block, 0xaa), {}));
    EXPECT_EQ(backend->write(20 * block, filled(512, 1), {}), std::errc::no_space_on_device);
    ASSERT_FALSE(backend->write(0, filled(block, 0xbb), {}));
    expect(*backend, 20 * block, block, 0);
    ASSERT_FALSE(backend->discard(2 * block, 2 * block));
    ASSERT_FALSE(backend->write(20 * block, filled(512, 1), {}));
    expect(*backend, 20 * block, 512, 1);
    expect(*backend, 20 * block + 512, block - 512, 0);
    expect(*backend, 2 * block, 2 * block, 0);
    ASSERT_FALSE(backend->write(2 * block, filled(block, 0xcc), {}));
    EXPECT_EQ(backend->write(3 * block, filled(block, 0xdd), {}), std::errc::no_space_on_device);
    expect(*backend, 0, block, 0xbb);
    expect(*backend, block, block, 0xaa);
    EXPECT_LE(Store(store, true).size(), 8 * block);
}

// A freed place is not reused while a request for its block is under way, nor while one is whose
// place the kernel does not report.
TEST_F(ThinBackendTest, APlaceIsNotGivenAwayUnderARequest) {
    create(4 * block);
    const auto backend = open();
    ASSERT_FALSE(backend->write(0, filled(4 * block, 0xaa), {}));
    ASSERT_FALSE(backend->discard(0, 2 * block));
    kernel.under_way.reset();
    EXPECT_EQ(backend->write(20 * block, filled(512, 1), {}), std::errc::no_space_on_device);
    kernel.under_way = {{{512, 512}, {2 * block - 512, 512}}};
    EXPECT_EQ(backend->write(20 * block, filled(512, 1), {}), std::errc::no_space_on_device);
    kernel.under_way = {{{512, 512}}};
    ASSERT_FALSE(backend->write(20 * block, filled(512, 1), {}));
    EXPECT_EQ(backend->volume().map().place(20), 1U) << "that of block 1";
}

// A power cut truncated the store to what had been flushed: the rest reads as zeros.
TEST_F(ThinBackendTest, AStoreThatBecameShorterIsMadeLong) {
    ASSERT_FALSE(open()->write(0, filled(4 * block, 0xaa), {}));
    std::filesystem::resize_file(store, block + 512);
    const auto backend = open();
    expect(*backend, 0, block + 512, 0xaa);
    expect(*backend, block + 512, 3 * block - 512, 0);
}

// One device at a time, regardless of the number of processes.
TEST_F(ThinBackendTest, AStoreIsClaimedForOneDevice) {
    Store one(store, false), other(store, false), stranger(store, false);
    EXPECT_TRUE(one.claim(7));
    EXPECT_TRUE(other.claim(7));
    EXPECT_FALSE(stranger.claim(8));
    EXPECT_FALSE(stranger.claim(0));
}

// Data had reached a prepared place, and a power cut lost the record of its use. The next block
// with that place still reads as zeros.
TEST_F(ThinBackendTest, WhatWasPreparedBeforeAPowerCutIsPreparedAgain) {
    ASSERT_FALSE(open()->write(0, filled(block, 0xaa), {}));
    write_late(1, 0xee);
    const auto first = open(), second = open();
    EXPECT_TRUE(Store(store, true).is_open_elsewhere());
    ASSERT_FALSE(first->write(7 * block, filled(512, 0xbb), {}));
    ASSERT_EQ(first->volume().map().place(7), 1U);
    expect(*first, 7 * block + 512, block - 512, 0);
    const auto prepared = first->volume().map().prepared();
    EXPECT_GT(prepared, 2U);
    const auto third = open(); // not the first opener
    EXPECT_EQ(third->volume().map().prepared(), prepared);
}

} // namespace
} // namespace thin
