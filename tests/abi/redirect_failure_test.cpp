// SPDX-License-Identifier: MIT
//
// The file or its disk fails: the submitter gets the fitting error, never stale bytes, and nothing
// hangs.
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tests/abi/slow_file.hpp"

namespace userblk::test {

class RedirectFailure : public SlowFileTest {};

// Zeros reach beyond a disk's end: writing only a part of them is no success.
TEST_F(RedirectFailure, ZerosBeyondTheEndOfADisk) {
    const LoopDevice loop(1 << 20);
    const Fd file = open_file(loop.path(), O_RDWR);
    write_to_file(file.get(), (1 << 20) - 4096, pattern(4096, 4));
    const int block = device.block();
    const Io io = device.start([=] { return punch(block, 0, 8192); });
    const userblk_request request = take(device.control());
    ASSERT_EQ(request.op, USERBLK_OP_WRITE_ZEROES);
    EXPECT_EQ(put(device.control(), redirect(request, file.get(), (1 << 20) - 4096)), 0);
    EXPECT_EQ(io->result(), ENOSPC);
    EXPECT_EQ(file_content(file.get(), (1 << 20) - 4096, 4096), pattern(4096, 4));
}

// The file's disk is removed while redirected requests are in progress there and no descriptor of
// the file is open: they fail.
TEST_F(RedirectFailure, BackingDeviceIsRemoved) {
    Fd file = open_slow();
    const Io read = device.read(0, 4096), write = device.write(65536, pattern(4096, 5)),
             flush = device.flush();
    ASSERT_TRUE(eventually([&] { return info(device.control()).queued == 3; }));
    for (int i = 0; i < 3; i++) {
        const userblk_request request = take(device.control());
        EXPECT_EQ(put(device.control(), redirect(request, file.get(), request.offset)), 0);
    }
    file.reset();
    EXPECT_EQ(slow.remove(), 0);
    for (const Io& io : {read, write, flush}) {
        const int error = io->result();
        EXPECT_TRUE(error == EIO || error == ENODEV || error == ENXIO) << error;
    }
    // Nothing is left behind, and the errors are counted.
    EXPECT_EQ(info(device.control()).redirected, 0u);
    EXPECT_EQ(info(device.control()).errors, 3u);
}

// Redirected to a disk that has already been removed.
TEST_F(RedirectFailure, BackingDeviceWasRemoved) {
    for (const int flags : {0, O_DIRECT}) {
        TestDevice gone(config_of());
        const Fd file = open_file(gone.block_path(), O_RDWR | flags);
        EXPECT_EQ(gone.remove(), 0);
        for (const bool writes : {false, true}) {
            const Io io = writes ? device.write(0, Buffer(4096)) : device.read(0, 4096);
            const userblk_request request = take(device.control());
            const int error = put(device.control(), redirect(request, file.get(), 0));
            if (error)
                put(device.control(), complete(request.id, -EIO));
            EXPECT_NE(io->result(), 0) << writes << ' ' << flags;
        }
    }
}

// The submitter gets the error of the file's disk.
TEST_F(RedirectFailure, ErrorsOfTheBackingDeviceAreReported) {
    const Fd file = open_slow();
    for (const int error : {EIO, ENOSPC, EOPNOTSUPP, ETIMEDOUT}) {
        for (const bool writes : {false, true}) {
            const Io io = writes ? device.write(0, Buffer(4096)) : device.read(0, 4096);
            redirect_one(file.get());
            // If the kernel retries in another way, it gets the same error.
            while (!eventually([&] { return io->finished(); }, std::chrono::milliseconds(20))) {
                userblk_request request = record();
                if (get(slow.control(), {&request, 1}).count)
                    put(slow.control(), complete(request.id, -error));
            }
            EXPECT_EQ(io->result(), error) << writes;
        }
    }
    EXPECT_EQ(info(device.control()).errors, 8u);
}

// One half of the request fails.
TEST_F(RedirectFailure, HalfOfItFails) {
    userblk_config config = config_of();
    config.max_transfer = 4096;
    TestDevice small(config);
    const Fd file = open_file(small.block_path(), O_RDWR | O_DIRECT);
    Server server(small, [&](const userblk_request& request) {
        return request.offset == 4096 ? complete(request.id, -EIO) : serve_from(store, request);
    });
    for (const bool writes : {false, true}) {
        const Io io = writes ? device.write(0, Buffer(16384)) : device.read(0, 16384);
        redirect_one(file.get());
        EXPECT_EQ(io->result(), EIO) << writes;
    }
}

// The file ends where the data should be: an error, never success with stale bytes.
TEST_F(RedirectFailure, FileWasTruncated) {
    const LoopDevice loop(32 << 20);
    const FileSystem file_system("ext4", loop.path());
    const Fd files[] = {memory_file(1 << 20), file_system.make_file("buffered", 1 << 20),
                        file_system.make_file("direct", 1 << 20, O_DIRECT)};
    for (const Fd& file : files) {
        for (const off_t size : {1 << 20, 65536 + 4096, 65536 + 512, 65536 + 1, 65536, 0}) {
            ASSERT_EQ(ftruncate(file.get(), size), 0);
            const Io io = device.read(65536, 8192);
            redirect_one(file.get());
            EXPECT_EQ(io->result(), size == 1 << 20 ? 0 : EIO) << size;
        }
    }
}

// The file is truncated during the read, on a disk that answers late: all of the data, or an error.
TEST_F(RedirectFailure, FileIsTruncatedMeanwhile) {
    userblk_config config = config_of(64 << 20);
    TestDevice disk(config);
    Store image = make_store(config.size);
    for (const int flags : {0, O_DIRECT}) {
        auto server = std::make_unique<Server>(disk, image);
        FileSystem file_system("ext4", disk.block_path());
        const Fd file = file_system.make_file("file", 1 << 20, flags);
        write_to_file(file.get(), 0, pattern(1 << 20, 3));
        ASSERT_EQ(fsync(file.get()), 0);
        ASSERT_EQ(posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
        server->stop();
        const Io io = device.read(65536, 65536);
        redirect_one(file.get());
        EXPECT_FALSE(io->finished());
        const Io cut =
            start_thread([&] { return ftruncate(file.get(), 65536 + 4096) ? errno : 0; });
        server = std::make_unique<Server>(disk, image);
        EXPECT_EQ(cut->result(), 0);
        const int error = io->result();
        EXPECT_TRUE(!error || error == EIO) << error;
        if (!error) {
            EXPECT_EQ(std::memcmp(io->data().data(), pattern(1 << 20, 3).data() + 65536, 65536), 0);
        }
        const Io later = device.read(65536, 65536);
        redirect_one(file.get());
        EXPECT_EQ(later->result(), EIO);
    }
}

// The worker's credentials apply even where a kernel thread acts for it: an unprivileged worker
// cannot use blocks that a file system reserves for root, whoever opened the file.
TEST_F(RedirectFailure, ReservedSpaceIsRefusedToTheUnprivileged) {
    const LoopDevice loop(16 << 20);
    const FileSystem disk("ext4", loop.path());
    for (const int flags : {0, O_DIRECT}) {
        const Fd file = disk.make_file(flags ? "direct" : "buffered", 4096, flags);
        Child worker([&](ChildSide&) -> int {
            drop_privileges();
            for (;;) {
                userblk_request request = record();
                const GetResult got = get(device.control(), {&request, 1}, for_ever);
                if (got.error || !got.count ||
                    put(device.control(), redirect(request, file.get(), request.offset)))
                    return 1;
            }
        });
        int error = 0;
        for (std::uint64_t at = 0; at < default_size && !error; at += 262144)
            error = device.write(at, pattern(262144, 1))->result();
        EXPECT_EQ(error, ENOSPC);
        ASSERT_EQ(syncfs(file.get()), 0);
        struct statvfs left;
        ASSERT_EQ(fstatvfs(file.get(), &left), 0);
        EXPECT_GT(left.f_bfree, left.f_bavail + 64); // reserved for root
        ASSERT_EQ(ftruncate(file.get(), 0), 0);
    }
}

// The file system is full: the writer gets ENOSPC.
TEST_F(RedirectFailure, NoSpaceIsReported) {
    const LoopDevice loop(16 << 20);
    const FileSystem small(256 << 10), disk("ext4", loop.path());
    const Fd files[] = {small.make_file("file", 4096), disk.make_file("direct", 4096, O_DIRECT),
                        disk.make_file("buffered", 4096)};
    for (const Fd& file : files) {
        int error = 0;
        for (std::uint64_t at = 0; at < default_size && !error; at += 262144) {
            const Io io = device.write(at, pattern(262144, 1));
            redirect_one(file.get());
            error = io->result();
        }
        EXPECT_EQ(error, ENOSPC);
        ASSERT_EQ(ftruncate(file.get(), 0), 0);
    }
}

// On a full XFS a write triggers writeback through a work queue without WQ_MEM_RECLAIM and waits
// for it: the kernel must not warn about that dependency.
TEST_F(RedirectFailure, NoKernelWarningOnAFullXfs) {
    const LoopDevice loop(320 << 20);
    const FileSystem disk("xfs", loop.path());
    const Fd file = disk.make_file("file", 4096);
    ASSERT_EQ(ftruncate(file.get(), default_size), 0);
    struct statvfs left;
    const Fd rest = disk.make_file("rest", 0);
    for (std::uint64_t at = 0, step = 64 << 20; step >= 4096;)
        if (!fallocate(rest.get(), 0, static_cast<off_t>(at), static_cast<off_t>(step)))
            at += step;
        else
            step /= 2;
    ASSERT_EQ(fstatvfs(file.get(), &left), 0);
    int error = 0;
    for (std::uint64_t at = 0; at < default_size && !error; at += 262144) {
        const Io io = device.write(at, pattern(262144, 1));
        redirect_one(file.get());
        error = io->result();
    }
    EXPECT_EQ(error, ENOSPC) << left.f_bfree << " blocks are free";
}

} // namespace userblk::test
