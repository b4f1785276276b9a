// SPDX-License-Identifier: MIT
//
// A request redirected to several extents, holes among them.
#include <cstring>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/uio.h>

#include "tests/support/files.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"
#include "tests/support/userfault.hpp"

namespace userblk::test {

namespace {

using Extents = std::vector<userblk_extent>;

userblk_extent extent(const Fd& file, std::uint64_t offset, std::uint32_t length) {
    return {offset, length, file.get()};
}

userblk_extent hole(std::uint32_t length) {
    return {0, length, USERBLK_HOLE};
}

// The current content of the extents, concatenated.
Buffer content_of(const Extents& extents, std::size_t length) {
    Buffer all(length);
    std::size_t at = 0;
    for (const userblk_extent& piece : extents) {
        if (piece.fd != USERBLK_HOLE) {
            const Buffer data = file_content(piece.fd, piece.offset, piece.length);
            std::memcpy(all.data() + at, data.data(), piece.length);
        }
        at += piece.length;
    }
    return all;
}

} // namespace

class RedirectExtents : public KernelTest {
protected:
    RedirectExtents() {
        for (const Fd* file : {&a, &b, &c})
            write_to_file(file->get(), 0,
                          pattern(1 << 20, static_cast<std::uint64_t>(file->get())));
    }

    Fd a = memory_file(1 << 20), b = memory_file(1 << 20), c = memory_file(1 << 20);
    TestDevice device{config()};

    static userblk_config config() {
        userblk_config result = test_config();
        result.flags |= USERBLK_F_CACHE | USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES;
        return result;
    }
    void expect_read(const Extents& extents, std::size_t length) {
        const Io io = device.read(0, length);
        EXPECT_EQ(put(device.control(), redirect(take(device.control()), extents)), 0);
        EXPECT_EQ(io->result(), 0);
        EXPECT_EQ(io->data(), content_of(extents, length));
    }
    void expect_written(const Extents& extents, std::size_t length) {
        const Io io = device.write(0, pattern(length, length + 77));
        EXPECT_EQ(put(device.control(), redirect(take(device.control()), extents)), 0);
        EXPECT_EQ(io->result(), 0);
        EXPECT_EQ(content_of(extents, length), io->data());
    }
    // Refused with this error, still taken, and answered afterwards; no file has changed.
    void expect_refused(const Io& io, const Extents& extents, int error) {
        const Buffer before[] = {file_content(a.get(), 0, 1 << 20),
                                 file_content(b.get(), 0, 1 << 20)};
        const userblk_request request = take(device.control());
        EXPECT_EQ(put(device.control(), redirect(request, extents)), error);
        EXPECT_EQ(info(device.control()).taken, 1u);
        EXPECT_EQ(info(device.control()).redirected, 0u);
        EXPECT_FALSE(io->finished());
        EXPECT_EQ(put(device.control(), complete(request.id, -ENOSPC)), 0);
        EXPECT_EQ(io->result(), ENOSPC);
        EXPECT_EQ(file_content(a.get(), 0, 1 << 20), before[0]);
        EXPECT_EQ(file_content(b.get(), 0, 1 << 20), before[1]);
    }
    Io discard() {
        const int block = device.block();
        return device.start([=] {
            std::uint64_t range[2] = {0, 65536};
            return ioctl_error(block, BLKDISCARD, range);
        });
    }
    Io zero() {
        const int block = device.block();
        return device.start([=] { return punch(block, 0, 65536); });
    }
};

// Three files, at odd offsets, of odd lengths.
TEST_F(RedirectExtents, SeveralFiles) {
    const Extents extents = {extent(a, 513, 1), extent(b, 4095, 8191), extent(c, 65536, 4096),
                             extent(a, 100'000, 65536 - 8192 - 4096)};
    expect_read(extents, 65536);
    expect_written(extents, 65536);
    expect_read(extents, 65536);
}

TEST_F(RedirectExtents, OneExtentIsEnough) {
    expect_read({extent(a, 7, 4096)}, 4096);
    expect_written({extent(a, 7, 4096)}, 4096);
}

// A hole reads as zeros, whatever the reader's buffer held: at both ends, in between, alone.
TEST_F(RedirectExtents, HolesAreZeros) {
    expect_read(
        {hole(4096), extent(a, 0, 513), hole(511), hole(3072), extent(b, 0, 4096), hole(4096)},
        16384);
    expect_read({hole(65536)}, 65536);
    expect_read({hole(1), hole(65535)}, 65536);
}

// The maximum number of extents: a few bytes each, and long ones in a request of several bios.
TEST_F(RedirectExtents, ThirtyTwo) {
    for (const std::uint32_t total : {4096u, 524'288u}) {
        Extents extents;
        for (std::uint32_t i = 0; i < USERBLK_MAX_EXTENTS; i++)
            extents.push_back(extent(i % 2 ? b : a, i * total / 32 + i, total / 32));
        expect_written(extents, total);
        expect_read(extents, total);
    }
}

// A FLUSH with several files flushes all of them: it completes with the last one.
TEST_F(RedirectExtents, FlushOfSeveralFiles) {
    TestDevice one{config()}, other{config()};
    const Fd first = open_file(one.block_path(), O_RDWR),
             second = open_file(other.block_path(), O_RDWR);
    const Extents extents = {extent(first, 0, 0), hole(0), extent(second, 0, 0), extent(a, 0, 0)};
    const Io io = device.flush();
    EXPECT_EQ(put(device.control(), redirect(take(device.control()), extents)), 0);
    for (TestDevice* backing : {&other, &one}) {
        const userblk_request request = take(backing->control());
        EXPECT_EQ(request.op, USERBLK_OP_FLUSH);
        EXPECT_FALSE(io->finished());
        EXPECT_EQ(info(device.control()).redirected, 1u);
        EXPECT_EQ(put(backing->control(), complete(request.id)), 0);
    }
    EXPECT_EQ(io->result(), 0);
}

// A FLUSH fails if one of the files fails.
TEST_F(RedirectExtents, FlushFailsWithOneOfThem) {
    TestDevice one{config()};
    const Fd first = open_file(one.block_path(), O_RDWR);
    const Extents extents = {extent(a, 0, 0), extent(first, 0, 0)};
    const Io io = device.flush();
    EXPECT_EQ(put(device.control(), redirect(take(device.control()), extents)), 0);
    EXPECT_EQ(put(one.control(), complete(take(one.control()).id, -EIO)), 0);
    EXPECT_EQ(io->result(), EIO);
}

// Discards and zeros, with a hole, for which nothing is done.
TEST_F(RedirectExtents, DiscardAndZeroes) {
    const Extents extents = {extent(a, 4096, 8192), hole(16384), extent(b, 513, 8192),
                             extent(c, 0, 32768)};
    for (const bool zeroes : {false, true}) {
        for (const Fd* file : {&a, &b, &c})
            write_to_file(file->get(), 0, pattern(1 << 20, 3));
        const Io io = zeroes ? zero() : discard();
        EXPECT_EQ(put(device.control(), redirect(take(device.control()), extents)), 0);
        EXPECT_EQ(io->result(), 0);
        EXPECT_TRUE(content_of(extents, 65536).all(0));
        EXPECT_EQ(file_content(a.get(), 0, 4096), pattern(4096, 3));
        EXPECT_EQ(file_content(c.get(), 32768, 4096).size(), 4096u);
        EXPECT_FALSE(file_content(c.get(), 32768, 4096).all(0));
    }
}

// The extents must cover the request exactly.
TEST_F(RedirectExtents, MustCoverTheRequest) {
    expect_refused(device.read(0, 8192), {extent(a, 0, 4096), extent(b, 0, 4095)}, EINVAL);
    expect_refused(device.read(0, 8192), {extent(a, 0, 4096), extent(b, 0, 4097)}, EINVAL);
    expect_refused(device.write(0, Buffer(8192)), {extent(a, 0, 4096)}, EINVAL);
    expect_refused(device.read(0, 8192), {extent(a, 0, 8192), extent(b, 0, 0)}, EINVAL);
    expect_refused(device.read(0, 8192), {extent(a, 0, 0), extent(b, 0, 8192)}, EINVAL);
    expect_refused(device.read(0, 8192), {extent(a, 0, 0)}, EINVAL);
    // The sum of the lengths overflows.
    expect_refused(device.read(0, 8192),
                   {extent(a, 0, 0x8000'0000u), extent(a, 0, 0x8000'0000u), extent(a, 0, 8192)},
                   EINVAL);
    expect_refused(device.flush(), {extent(a, 0, 1)}, EINVAL);
    expect_refused(device.flush(), {extent(a, 0, 0), extent(b, 0, 512)}, EINVAL);
}

// No extent, and one more than the maximum.
TEST_F(RedirectExtents, NoneAndTooMany) {
    Extents extents;
    for (std::uint32_t i = 0; i < 33; i++)
        extents.push_back(extent(a, 0, i < 31 ? 128 : 64));
    expect_refused(device.read(0, 4096), extents, EINVAL);
    expect_refused(device.read(0, 4096), {}, EINVAL);
}

// A WRITE to a hole is refused, and so is a hole with an offset.
TEST_F(RedirectExtents, HolesForAWriteAreRefused) {
    expect_refused(device.write(0, Buffer(8192)), {extent(a, 0, 4096), hole(4096)}, EINVAL);
    expect_refused(device.write(0, Buffer(8192)), {hole(8192)}, EINVAL);
    expect_refused(device.read(0, 4096), {{512, 4096, USERBLK_HOLE}}, EINVAL);
}

// One bad extent refuses the whole answer; no I/O was started.
TEST_F(RedirectExtents, OneBadFileSpoilsAll) {
    const Fd read_only = open_file("/proc/self/fd/" + std::to_string(a.get()), O_RDONLY);
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const Fd in(ends[0]), out(ends[1]);
    expect_refused(device.write(0, pattern(8192, 1)), {extent(a, 0, 4096), {0, 4096, 9999}}, EBADF);
    expect_refused(device.write(0, pattern(8192, 1)),
                   {extent(b, 0, 4096), extent(read_only, 0, 4096)}, EBADF);
    expect_refused(device.write(0, pattern(8192, 1)), {extent(a, 0, 4096), extent(out, 0, 4096)},
                   ESPIPE);
    expect_refused(device.read(0, 8192), {extent(a, 0, 4096), {0, 4096, -2}}, EBADF);
}

// The array cannot be read, wholly or in part; beside an array, offset and fd must be 0.
TEST_F(RedirectExtents, UnreadableArray) {
    const Io io = device.read(0, 4096);
    const userblk_request request = take(device.control());
    EdgeMemory memory(4096);
    userblk_answer answer = redirect(request, Extents(2));
    for (const std::uint64_t at :
         {bad_address, std::uint64_t{0}, address(memory.edge()), address(memory.before_edge(24))}) {
        answer.addr = at;
        EXPECT_EQ(put(device.control(), answer), EFAULT) << at;
    }
    const Extents extents = {extent(a, 0, 2048), extent(b, 0, 2048)};
    answer.addr = address(extents.data());
    answer.offset = 1;
    EXPECT_EQ(put(device.control(), answer), EINVAL);
    answer.offset = 0;
    answer.fd = a.get();
    EXPECT_EQ(put(device.control(), answer), EINVAL);
    answer.fd = 0;
    // It ends exactly at an inaccessible page, at any alignment.
    std::memcpy(memory.before_edge(32), extents.data(), 32);
    answer.addr = address(memory.before_edge(32));
    EXPECT_EQ(info(device.control()).taken, 1u);
    EXPECT_EQ(put(device.control(), answer), 0);
    EXPECT_EQ(io->result(), 0);
}

// Reading the array hangs: a RESET takes the request away.
TEST_F(RedirectExtents, ArrayThatNeverComes) {
    const Io io = device.read(0, 4096);
    Child child([&](ChildSide& side) -> int {
        UnansweredMemory memory(4096);
        const userblk_request request = take(device.control());
        std::thread([&] { side.tell(memory.touched()); }).detach();
        userblk_answer answer = redirect(request, Extents(2));
        answer.addr = address(memory.data());
        put(device.control(), answer);
        side.sleep_for_ever();
    });
    EXPECT_EQ(child.await(), 1u);
    EXPECT_EQ(reset_all(device.control()).count, 1u);
    EXPECT_EQ(put(device.control(), redirect(take(device.control()), a.get(), 0)), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(io->data(), file_content(a.get(), 0, 4096));
    child.kill();
}

// One extent cannot be read: the request fails, whatever the others return.
TEST_F(RedirectExtents, OnePieceBehindTheEnd) {
    for (const std::uint64_t at : {1u << 20, (1u << 20) - 512, 2u << 20}) {
        const Extents extents = {extent(a, 0, 4096), extent(b, at, 4096), hole(4096)};
        const Io io = device.read(0, 12288);
        EXPECT_EQ(put(device.control(), redirect(take(device.control()), extents)), 0);
        EXPECT_EQ(io->result(), EIO) << at;
    }
}

// A request of many bios is cut at boundaries that have nothing to do with theirs, into files of
// all kinds.
TEST_F(RedirectExtents, ManyBiosInManyPieces) {
    const LoopDevice loop(64 << 20);
    const FileSystem file_system("ext4", loop.path());
    const Fd direct = file_system.make_file("direct", 2 << 20, O_DIRECT),
             buffered = file_system.make_file("buffered", 2 << 20);
    const Server server(device, [&](const userblk_request& request) {
        static thread_local Extents extents[64];
        static thread_local unsigned int turn = 0;
        const Fd* files[] = {&direct, &a, &buffered};
        const auto place = static_cast<std::uint32_t>(request.offset);
        Extents& mine = extents[turn++ % 64];
        mine.clear();
        // Extents of 24 KiB less a few bytes, each holding the device's data at its offset.
        for (std::uint32_t at = place; at < place + request.length;) {
            constexpr std::uint32_t step = 24'000;
            const std::uint32_t end = std::min((at / step + 1) * step, place + request.length);
            mine.push_back(extent(*files[at / step % 3], at, end - at));
            at = end;
        }
        return request.op > USERBLK_OP_WRITE ? redirect(request, direct.get(), 0)
                                             : redirect(request, mine);
    });
    constexpr std::size_t length = 1 << 20;
    const Buffer data = pattern(length, 9);
    Fd cached = open_file(device.block_path(), O_RDWR);
    const int cached_fd = cached.get();
    const Io write = device.start([&, cached_fd] {
        for (std::size_t at = 0; at < length; at += 512)
            if (pwrite(cached_fd, data.data() + at, 512, static_cast<off_t>(at)) != 512)
                return errno;
        return fsync(cached_fd) ? errno : 0;
    });
    EXPECT_EQ(write->result(), 0);
    const Io read = device.read(0, length);
    EXPECT_EQ(read->result(), 0);
    EXPECT_EQ(read->data(), data);
    EXPECT_TRUE(eventually([&] { return !info(device.control()).redirected; }));
}

// A disk that takes no more than 64 KiB at a time, read and written directly: larger requests reach
// it in pieces, none is lost or mixed up, and the last is as long as what is left. A request that
// ends behind the disk's end fails as a whole.
TEST_F(RedirectExtents, OfADiskThatTakesLittleAtATime) {
    const LoopDevice loop(2 << 20);
    const auto limit =
        "/sys/block/" + loop.path().substr(loop.path().rfind('/') + 1) + "/queue/max_sectors_kb";
    std::ofstream(limit) << 64 << std::flush;
    const Fd disk = open_file(loop.path(), O_RDWR | O_DIRECT);
    const std::uint64_t shift = 512;
    const Server server(device, [&](const userblk_request& request) {
        return redirect(request, disk.get(), request.offset + shift);
    });
    for (const std::size_t length : {65536u, 66048u, 135168u, 1u << 20}) {
        const Buffer data = pattern(length, length);
        const Io write = device.write(4096, pattern(length, length));
        EXPECT_EQ(write->result(), 0) << length;
        const Io read = device.read(4096, length);
        EXPECT_EQ(read->result(), 0) << length;
        EXPECT_EQ(read->data(), data) << length;
        Buffer stored(length);
        const Fd plain = open_file(loop.path(), O_RDONLY);
        EXPECT_EQ(::pread(plain.get(), stored.data(), length, 4096 + shift),
                  static_cast<ssize_t>(length));
        EXPECT_EQ(stored, data) << length;
    }
    const Io beyond = device.read(3 << 19, 1 << 20);
    EXPECT_EQ(beyond->result(), EIO);
    EXPECT_TRUE(eventually([&] { return !info(device.control()).redirected; }));
}

} // namespace userblk::test
