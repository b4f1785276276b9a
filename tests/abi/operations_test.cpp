// SPDX-License-Identifier: MIT
//
// Which requests operations on the block device become: flush, FUA, discard, write-zeroes, and
// chunks whose boundaries no request crosses.
#include <cstring>

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/uio.h>

#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"

namespace userblk::test {

class Operations : public KernelTest {
protected:
    static userblk_config config_with(std::uint64_t flags) {
        userblk_config config = test_config();
        config.flags |= flags;
        return config;
    }
    // Takes one request and answers it.
    static userblk_request serve_one(TestDevice& device, int status = 0) {
        const userblk_request request = take(device.control());
        EXPECT_EQ(put(device.control(), complete(request.id, status)), 0);
        return request;
    }
    // A range operation on the block device (BLKDISCARD …); answers all its requests.
    static std::vector<userblk_request> serve_range(TestDevice& device, std::uint64_t offset,
                                                    std::uint64_t length,
                                                    std::function<int(int)> operation) {
        const int fd = device.block();
        const Io io = device.start([=] { return operation(fd); });
        std::vector<userblk_request> seen;
        std::uint64_t done = 0;
        while (done < length) {
            seen.push_back(serve_one(device));
            done += seen.back().length;
            EXPECT_GE(seen.back().offset, offset);
            EXPECT_LE(seen.back().offset + seen.back().length, offset + length);
            if (!seen.back().length)
                break;
        }
        EXPECT_EQ(done, length);
        EXPECT_EQ(io->result(), 0);
        EXPECT_EQ(info(device.control()).queued, 0u);
        return seen;
    }
    static std::function<int(int)> range_ioctl(unsigned long command, std::uint64_t offset,
                                               std::uint64_t length) {
        return [=](int fd) {
            std::uint64_t range[2] = {offset, length};
            return ioctl_error(fd, command, range);
        };
    }
    static std::function<int(int)> fallocate_with(int mode, std::uint64_t offset,
                                                  std::uint64_t length) {
        return [=](int fd) {
            return fallocate(fd, mode, static_cast<off_t>(offset), static_cast<off_t>(length))
                       ? errno
                       : 0;
        };
    }
    static void expect_all(const std::vector<userblk_request>& requests, int op,
                           std::uint32_t flags) {
        for (const userblk_request& request : requests) {
            EXPECT_EQ(request.op, op);
            EXPECT_EQ(request.flags, flags);
        }
    }
};

// With a volatile cache fsync sends a flush, which has no offset and no length.
TEST_F(Operations, FlushIsSentToACache) {
    TestDevice device(config_with(USERBLK_F_CACHE));
    const Io io = device.flush();
    const userblk_request request = take(device.control());
    EXPECT_EQ(request.op, USERBLK_OP_FLUSH);
    EXPECT_EQ(request.offset, 0u);
    EXPECT_EQ(request.length, 0u);
    EXPECT_EQ(request.flags, 0u);
    EXPECT_FALSE(io->finished());
    EXPECT_EQ(put(device.control(), complete(request.id)), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(info(device.control()).flushes, 1u);
}

TEST_F(Operations, FailedFlushIsReported) {
    TestDevice device(config_with(USERBLK_F_CACHE));
    const Io io = device.flush();
    serve_one(device, -EIO);
    EXPECT_EQ(io->result(), EIO);
}

// Without a cache there is nothing to flush.
TEST_F(Operations, NoFlushWithoutACache) {
    TestDevice device;
    EXPECT_EQ(device.flush()->result(), 0);
    EXPECT_EQ(info(device.control()).flushes, 0u);
}

// A flush that is put back comes again; inside the kernel flushes share memory with other requests.
TEST_F(Operations, FlushIsPutBackLikeAnything) {
    TestDevice device(config_with(USERBLK_F_CACHE));
    const Io io = device.flush();
    const userblk_request old = take(device.control());
    EXPECT_EQ(reset_all(device.control()).count, 1u);
    EXPECT_EQ(put(device.control(), complete(old.id)), ESTALE);
    const userblk_request request = serve_one(device);
    EXPECT_EQ(request.op, USERBLK_OP_FLUSH);
    EXPECT_EQ(request.flags, USERBLK_REQ_REDELIVERED);
    EXPECT_EQ(io->result(), 0);
}

// A FUA write arrives as such if the device has FUA …
TEST_F(Operations, FuaIsSent) {
    TestDevice device(config_with(USERBLK_F_CACHE | USERBLK_F_FUA));
    const Io io = device.write(0, pattern(4096, 1), RWF_DSYNC);
    const userblk_request request = take(device.control());
    EXPECT_EQ(request.op, USERBLK_OP_WRITE);
    EXPECT_EQ(request.flags, USERBLK_REQ_FUA | USERBLK_REQ_NO_PAYLOAD);
    EXPECT_EQ(put(device.control(), complete(request.id)), 0);
    // The kernel may still flush afterwards; 6.1 and later do as they like.
    while (!eventually([&] { return io->finished(); }, std::chrono::milliseconds(20))) {
        userblk_request next = record();
        if (get(device.control(), {&next, 1}).count) {
            EXPECT_EQ(put(device.control(), complete(next.id)), 0);
        }
    }
    EXPECT_EQ(io->result(), 0);
}

// … and as a write followed by a flush if not.
TEST_F(Operations, FuaBecomesWriteAndFlushWithoutIt) {
    TestDevice device(config_with(USERBLK_F_CACHE));
    const Io io = device.write(0, pattern(4096, 1), RWF_DSYNC);
    const userblk_request write = serve_one(device);
    EXPECT_EQ(write.op, USERBLK_OP_WRITE);
    EXPECT_EQ(write.flags, USERBLK_REQ_NO_PAYLOAD);
    EXPECT_EQ(serve_one(device).op, USERBLK_OP_FLUSH);
    EXPECT_EQ(io->result(), 0);
}

TEST_F(Operations, DiscardIsSent) {
    TestDevice device(config_with(USERBLK_F_DISCARD));
    const auto seen =
        serve_range(device, 1 << 20, 4 << 20, range_ioctl(BLKDISCARD, 1 << 20, 4 << 20));
    expect_all(seen, USERBLK_OP_DISCARD, 0);
    EXPECT_EQ(info(device.control()).discards, seen.size());
}

// A discard that the store does not support fails with EOPNOTSUPP for its user, or succeeds if the
// kernel ignores that.
TEST_F(Operations, UnsupportedDiscardIsReported) {
    TestDevice device(config_with(USERBLK_F_DISCARD));
    const int fd = device.block();
    const auto operation = range_ioctl(BLKDISCARD, 0, 65536);
    const Io io = device.start([=] { return operation(fd); });
    serve_one(device, -EOPNOTSUPP);
    const int error = io->result();
    EXPECT_TRUE(error == EOPNOTSUPP || error == 0) << error;
}

// BLKZEROOUT keeps the range allocated.
TEST_F(Operations, WriteZeroesIsSent) {
    TestDevice device(config_with(USERBLK_F_WRITE_ZEROES));
    const auto seen = serve_range(device, 4096, 2 << 20, range_ioctl(BLKZEROOUT, 4096, 2 << 20));
    expect_all(seen, USERBLK_OP_WRITE_ZEROES, USERBLK_REQ_NOUNMAP);
    EXPECT_EQ(info(device.control()).write_zeroes, seen.size());
}

// Punching a hole does not; zeroing a range does.
TEST_F(Operations, FallocateSaysWhetherToKeepTheSpace) {
    TestDevice device(config_with(USERBLK_F_WRITE_ZEROES | USERBLK_F_DISCARD));
    const auto punched = serve_range(
        device, 0, 1 << 20, fallocate_with(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 20));
    expect_all(punched, USERBLK_OP_WRITE_ZEROES, 0);
    const auto zeroed =
        serve_range(device, 1 << 20, 1 << 20,
                    fallocate_with(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 1 << 20, 1 << 20));
    expect_all(zeroed, USERBLK_OP_WRITE_ZEROES, USERBLK_REQ_NOUNMAP);
}

// Without write-zeroes the kernel writes zeros itself.
TEST_F(Operations, ZeroesAreWrittenWithoutIt) {
    TestDevice device;
    Store store = make_store(default_size);
    store.fill(0xff);
    Server server(device, store);
    EXPECT_EQ(range_ioctl(BLKZEROOUT, 0, 1 << 20)(device.block()), 0);
    server.stop();
    expect_all(server.seen(), USERBLK_OP_WRITE, USERBLK_REQ_NO_PAYLOAD);
    EXPECT_EQ(std::count(store.data(), store.data() + (1 << 20), 0), 1 << 20);
    EXPECT_EQ(store[1 << 20], 0xff);
}

// A range that exceeds the length field of a request comes in parts that add up to it.
TEST_F(Operations, HugeRangesComeInParts) {
    userblk_config config = config_with(USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES);
    config.size = 16ull << 30;
    TestDevice device(config);
    serve_range(device, 0, 16ull << 30, range_ioctl(BLKDISCARD, 0, 16ull << 30));
    serve_range(device, 0, 9ull << 30, range_ioctl(BLKZEROOUT, 0, 9ull << 30));
}

// No request crosses a chunk boundary: reads, writes, discards and zeroes with arbitrary ends.
TEST_F(Operations, NothingCrossesAChunk) {
    userblk_config config = config_with(USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES);
    config.chunk_size = 64 << 10;
    config.max_transfer = 1 << 20;
    TestDevice device(config);
    Store store = make_store(default_size);
    Server server(device, store);
    const std::uint64_t offset = (60 << 10) + 512, length = 400 << 10;
    const Io write = device.write(offset, pattern(length, 1));
    EXPECT_EQ(write->result(), 0);
    const Io read = device.read(offset, length);
    EXPECT_EQ(read->result(), 0);
    EXPECT_EQ(read->data(), write->data());
    EXPECT_EQ(range_ioctl(BLKDISCARD, offset, length)(device.block()), 0);
    EXPECT_EQ(range_ioctl(BLKZEROOUT, offset, length)(device.block()), 0);
    server.stop();
    std::uint64_t bytes[5] = {};
    for (const userblk_request& request : server.seen()) {
        EXPECT_LE(request.offset % (64 << 10) + request.length, 64u << 10)
            << "op " << request.op << " at " << request.offset;
        ASSERT_LT(request.op, 5);
        bytes[request.op] += request.length;
    }
    for (const int op :
         {USERBLK_OP_READ, USERBLK_OP_WRITE, USERBLK_OP_DISCARD, USERBLK_OP_WRITE_ZEROES})
        EXPECT_EQ(bytes[op], length) << op;
}

// No request exceeds the largest transfer.
TEST_F(Operations, NothingIsLargerThanTheLargestTransfer) {
    userblk_config config = test_config();
    config.max_transfer = 16 << 10;
    TestDevice device(config);
    Store store = make_store(default_size);
    Server server(device, store);
    const Io write = device.write(512, pattern(200 << 10, 1));
    EXPECT_EQ(write->result(), 0);
    server.stop();
    for (const userblk_request& request : server.seen())
        EXPECT_LE(request.length, 16u << 10);
    EXPECT_EQ(std::memcmp(store.data() + 512, write->data().data(), 200 << 10), 0);
}

// A request of many small memory segments: their bytes arrive in order.
TEST_F(Operations, ScatteredMemoryIsMovedInOrder) {
    TestDevice device;
    Store store = make_store(default_size);
    Server server(device, store);
    constexpr std::size_t pieces = 64;
    Buffer from(pieces * 4096), to(pieces * 4096);
    fill_pattern(from.data(), from.size(), 5);
    // Back to front, in segments of 512 to 2048 bytes.
    std::vector<iovec> out, in;
    std::size_t total = 0;
    for (std::size_t i = 0; i < pieces; i++) {
        const std::size_t at = (pieces - 1 - i) * 4096, length = 512 << (i % 3);
        out.push_back({from.data() + at, length});
        in.push_back({to.data() + at, length});
        total += length;
    }
    const auto n = static_cast<int>(pieces);
    EXPECT_EQ(pwritev(device.block(), out.data(), n, 0), static_cast<ssize_t>(total));
    EXPECT_EQ(preadv(device.block(), in.data(), n, 0), static_cast<ssize_t>(total));
    for (std::size_t i = 0; i < pieces; i++)
        EXPECT_EQ(std::memcmp(out[i].iov_base, in[i].iov_base, out[i].iov_len), 0) << i;
}

// With an I/O scheduler, which manages the kernel's request memory differently.
TEST_F(Operations, WorksWithAScheduler) {
    TestDevice device(config_with(USERBLK_F_CACHE));
    {
        const Fd fd = open_file("/sys/block/" + device.name() + "/queue/scheduler", O_WRONLY);
        USERBLK_REQUIRES(write(fd.get(), "mq-deadline", 11) == 11, "mq-deadline");
    }
    Store store = make_store(default_size);
    Server server(device, store);
    std::vector<Io> ios;
    for (std::uint64_t i = 0; i < 100; i++)
        ios.push_back(device.write(i << 16, pattern(4096, i)));
    ios.push_back(device.flush());
    for (const Io& io : ios)
        EXPECT_EQ(io->result(), 0);
    for (std::uint64_t i = 0; i < 100; i++)
        EXPECT_EQ(std::memcmp(store.data() + (i << 16), ios[i]->data().data(), 4096), 0);
}

// With a scheduler: taken requests, a RESET and stale answers work as without.
TEST_F(Operations, ResetWorksWithAScheduler) {
    TestDevice device;
    {
        const Fd fd = open_file("/sys/block/" + device.name() + "/queue/scheduler", O_WRONLY);
        USERBLK_REQUIRES(write(fd.get(), "mq-deadline", 11) == 11, "mq-deadline");
    }
    const std::vector<Io> ios = device.read_many(50);
    std::vector<userblk_request> old;
    EXPECT_TRUE(eventually([&] {
        for (const userblk_request& request : take_up_to(device.control(), 64))
            old.push_back(request);
        return old.size() == 50;
    }));
    EXPECT_EQ(reset_all(device.control()).count, 50u);
    for (const userblk_request& request : old)
        EXPECT_EQ(put(device.control(), complete(request.id)), ESTALE);
    Store store = make_store(default_size);
    Server server(device, store);
    for (const Io& io : ios)
        EXPECT_EQ(io->result(), 0);
}

} // namespace userblk::test
