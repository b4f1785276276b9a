// SPDX-License-Identifier: MIT
//
// The control node as a file: each request's payload has an offset there, for pread, pwrite and
// splice.
#include <csignal>
#include <cstring>
#include <random>
#include <set>
#include <thread>

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "tests/support/files.hpp"
#include "tests/support/kernel_module.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"
#include "tests/support/userfault.hpp"

namespace userblk::test {

namespace {

// Bytes transferred, or a negative errno.
ssize_t told(ssize_t result) {
    return result < 0 ? -errno : result;
}

ssize_t read_at(int fd, void* to, std::size_t length, std::uint64_t place) {
    return told(pread(fd, to, length, static_cast<off_t>(place)));
}

ssize_t write_at(int fd, const void* from, std::size_t length, std::uint64_t place) {
    return told(pwrite(fd, from, length, static_cast<off_t>(place)));
}

struct Pipe {
    Pipe() {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC))
            throw_errno("unable to make a pipe");
        out = Fd(ends[0]);
        in = Fd(ends[1]);
        fcntl(in.get(), F_SETPIPE_SZ, 1 << 20);
    }
    Buffer drain(std::size_t length) const {
        Buffer data(length);
        for (std::size_t done = 0; done < length;) {
            const ssize_t n = read(out.get(), data.data() + done, length - done);
            if (n <= 0) {
                ADD_FAILURE() << "the pipe holds less";
                break;
            }
            done += static_cast<std::size_t>(n);
        }
        return data;
    }
    Fd out, in;
};

} // namespace

class PayloadFile : public KernelTest {
protected:
    TestDevice device{config()};
    int fd() const { return device.control(); }

    static userblk_config config() {
        userblk_config result = test_config();
        result.flags |= USERBLK_F_CACHE | USERBLK_F_DISCARD;
        result.max_transfer = 1 << 20;
        return result;
    }
    // Answers a READ whose payload has been written.
    int put_filled(const userblk_request& request) { return put(fd(), complete(request.id)); }
    // Splices out the whole payload of a WRITE.
    std::size_t splice_out(const userblk_request& request, int to, std::uint32_t length) {
        loff_t place = static_cast<loff_t>(request.payload);
        std::size_t done = 0;
        while (done < length) {
            const ssize_t n = told(splice(fd(), &place, to, nullptr, length - done, 0));
            if (n <= 0) {
                EXPECT_EQ(n, 0);
                break;
            }
            done += static_cast<std::size_t>(n);
        }
        EXPECT_EQ(place, static_cast<loff_t>(request.payload + done));
        return done;
    }
};

// Every request with data has an offset, all different; a request without data has none.
TEST_F(PayloadFile, EveryPayloadHasItsOwnOffset) {
    const std::vector<Io> ios = device.read_many(20);
    const Io write = device.write(1 << 20, Buffer(4096)), flush = device.flush();
    std::set<std::uint64_t> places;
    for (const userblk_request& request : take_each(fd(), 22)) {
        if (request.op == USERBLK_OP_FLUSH) {
            EXPECT_EQ(request.payload, 0u);
            EXPECT_EQ(put(fd(), complete(request.id)), 0);
            continue;
        }
        EXPECT_NE(request.payload, 0u);
        EXPECT_LT(request.payload, 1ull << 63);
        EXPECT_EQ(request.payload % (1ull << USERBLK_PAYLOAD_OFFSET_BITS), 0u);
        EXPECT_TRUE(places.insert(request.payload).second);
    }
    EXPECT_EQ(places.size(), 21u);
    reset_all(fd());
    for (const userblk_request& request : take_each(fd(), 21))
        EXPECT_TRUE(places.insert(request.payload).second) << "the place of a former delivery";
}

// A WRITE's payload is read in arbitrary pieces, forwards, backwards, overlapping, repeatedly; a
// read behind its end returns 0.
TEST_F(PayloadFile, WriteIsReadInAnyPieces) {
    constexpr std::size_t length = 262144;
    const Io io = device.write(0, pattern(length, 1));
    const userblk_request request = take(fd());
    Buffer room(length + 4096);
    std::minstd_rand random(3);
    for (int i = 0; i < 200; i++) {
        const std::size_t at = random() % length, n = 1 + random() % 9000,
                          expected = std::min(n, length - at), skew = random() % 64;
        room.fill(0xcc);
        ASSERT_EQ(read_at(fd(), room.data() + skew, n, request.payload + at),
                  static_cast<ssize_t>(expected));
        ASSERT_EQ(std::memcmp(room.data() + skew, io->data().data() + at, expected), 0);
        ASSERT_EQ(room[skew + expected], 0xcc);
    }
    EXPECT_EQ(read_at(fd(), room.data(), room.size(), request.payload),
              static_cast<ssize_t>(length));
    EXPECT_EQ(std::memcmp(room.data(), io->data().data(), length), 0);
    for (const std::uint64_t at : {length, length + 1, std::size_t{1} << 22, (1ul << 23) - 1})
        EXPECT_EQ(read_at(fd(), room.data(), 1, request.payload + at), 0) << at;
    EXPECT_EQ(read_at(fd(), room.data(), 0, request.payload), 0);
    EXPECT_FALSE(io->finished()) << "acknowledged by reading it";
    EXPECT_EQ(put(fd(), complete(request.id)), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(read_at(fd(), room.data(), 1, request.payload), -ESTALE);
}

// The request is merged from single pages of the page cache, so that its payload is scattered in
// memory.
TEST_F(PayloadFile, WriteOfManyPages) {
    constexpr std::size_t length = 512 << 10;
    Buffer data = pattern(length, 2), all(length);
    const Fd cached = open_file(device.block_path(), O_RDWR);
    const int cached_fd = cached.get();
    const Io io = device.start([&, cached_fd] {
        if (pwrite(cached_fd, data.data(), length, 0) != length)
            return errno;
        return fsync(cached_fd) ? errno : 0;
    });
    while (!eventually([&] { return io->finished(); }, std::chrono::milliseconds(20))) {
        userblk_request request = record();
        if (!get(fd(), {&request, 1}).count)
            continue;
        if (request.op == USERBLK_OP_WRITE)
            for (std::size_t at = 0; at < request.length; at += 5001)
                read_at(fd(), all.data() + request.offset + at,
                        std::min<std::size_t>(5001, request.length - at), request.payload + at);
        EXPECT_EQ(put(fd(), complete(request.id, request.op == USERBLK_OP_READ ? -EIO : 0)), 0);
    }
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(all, data);
}

// A READ is filled from front to back in odd pieces, some of them twice; the answer then needs no
// data.
TEST_F(PayloadFile, ReadIsFilledFromFrontToBack) {
    constexpr std::size_t length = 262144;
    const Buffer data = pattern(length, 4);
    for (const std::size_t piece : {std::size_t{1000}, std::size_t{4097}, length, 2 * length}) {
        const Io io = device.read(0, length);
        const userblk_request request = take(fd());
        for (std::size_t at = 0; at < length; at += piece) {
            const std::size_t n = std::min(piece, length - at);
            ASSERT_EQ(write_at(fd(), data.data() + at, n, request.payload + at),
                      static_cast<ssize_t>(n));
            // What has been written may be written again.
            const std::size_t back = at / 2;
            ASSERT_EQ(write_at(fd(), data.data() + back, at - back + n, request.payload + back),
                      static_cast<ssize_t>(at - back + n));
        }
        EXPECT_EQ(write_at(fd(), data.data(), 1, request.payload + length), -ENOSPC);
        EXPECT_EQ(write_at(fd(), data.data(), 1, request.payload + length + 1), -ENOSPC);
        EXPECT_FALSE(io->finished());
        EXPECT_EQ(put_filled(request), 0);
        EXPECT_EQ(io->result(), 0);
        EXPECT_EQ(io->data(), data) << piece;
    }
}

// A write across the end is cut there.
TEST_F(PayloadFile, WriteOverTheEndIsCut) {
    const Io io = device.read(0, 4096);
    const userblk_request request = take(fd());
    const Buffer data = pattern(8192, 1);
    EXPECT_EQ(write_at(fd(), data.data(), 4000, request.payload), 4000);
    EXPECT_EQ(write_at(fd(), data.data() + 4000, 4192, request.payload + 4000), 96);
    EXPECT_EQ(put_filled(request), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(io->data(), pattern(4096, 1));
}

// Gaps are refused: the bytes skipped would be stale memory.
TEST_F(PayloadFile, GapsAreRefused) {
    const Io io = device.read(0, 65536);
    const userblk_request request = take(fd());
    const Buffer data = pattern(65536, 1);
    for (const std::uint64_t at : {1u, 512u, 4096u, 65535u})
        EXPECT_EQ(write_at(fd(), data.data(), 1, request.payload + at), -EINVAL) << at;
    EXPECT_EQ(write_at(fd(), data.data(), 4096, request.payload), 4096);
    for (const std::uint64_t at : {4097u, 8192u, 65535u})
        EXPECT_EQ(write_at(fd(), data.data(), 1, request.payload + at), -EINVAL) << at;
    EXPECT_EQ(put_filled(request), 0);
    EXPECT_EQ(io->result(), EIO);
}

// Half of the payload, even twice, is not all of it: the READ fails rather than return bytes that
// nobody wrote.
TEST_F(PayloadFile, HalfFilledIsAnError) {
    const Buffer data = pattern(65536, 1);
    for (const std::size_t most : {0u, 1u, 32768u, 65535u}) {
        const Io io = device.read(0, 65536);
        const userblk_request request = take(fd());
        for (int twice = 0; twice < 2 && most; twice++)
            EXPECT_EQ(write_at(fd(), data.data(), most, request.payload),
                      static_cast<ssize_t>(most));
        EXPECT_EQ(put_filled(request), 0);
        EXPECT_EQ(io->result(), EIO) << most;
    }
}

// A READ is filled by pwrite and answered in another way: the answer decides.
TEST_F(PayloadFile, FilledAndAnsweredOtherwise) {
    const Buffer data = pattern(4096, 1), other = pattern(4096, 2);
    const std::function<userblk_answer(const userblk_request&)> answers[] = {
        [&](const userblk_request& r) { return complete_read(r.id, other.data(), 4096); },
        [&](const userblk_request& r) {
            userblk_answer answer = complete_read(r.id, nullptr, 4096);
            answer.flags = USERBLK_ANSWER_ZEROES;
            return answer;
        },
        [&](const userblk_request& r) { return complete(r.id, -ENOSPC); },
        [&](const userblk_request& r) { return complete_read(r.id, other.data(), 512); },
    };
    const int expected[] = {0, 0, ENOSPC, EIO};
    for (std::size_t i = 0; i < 4; i++) {
        const Io io = device.read(0, 4096);
        const userblk_request request = take(fd());
        EXPECT_EQ(write_at(fd(), data.data(), 4096, request.payload), 4096);
        EXPECT_EQ(put(fd(), answers[i](request)), 0);
        EXPECT_EQ(io->result(), expected[i]);
        if (i == 0) {
            EXPECT_EQ(io->data(), other);
        }
        if (i == 1) {
            EXPECT_TRUE(io->data().all(0));
        }
    }
}

// A filled READ is answered with a length but no address: EFAULT, and it stays taken.
TEST_F(PayloadFile, LengthWithoutAddressIsABadAddress) {
    const Io io = device.read(0, 4096);
    const userblk_request request = take(fd());
    EXPECT_EQ(write_at(fd(), pattern(4096, 1).data(), 4096, request.payload), 4096);
    EXPECT_EQ(put(fd(), complete_read(request.id, nullptr, 4096)), EFAULT);
    EXPECT_EQ(put_filled(request), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(io->data(), pattern(4096, 1));
}

// A request is put back in between: its old offset is stale, and what was filled does not count.
// Half before and half after is not all.
TEST_F(PayloadFile, ResetStartsAnew) {
    const Buffer data = pattern(65536, 1);
    for (const bool whole : {false, true}) {
        const Io io = device.read(0, 65536);
        const userblk_request old = take(fd());
        EXPECT_EQ(write_at(fd(), data.data(), 32768, old.payload), 32768);
        EXPECT_EQ(whole ? put(fd(), give_back(old.id)) : reset_all(fd()).error, 0);
        EXPECT_EQ(write_at(fd(), data.data(), 4096, old.payload + 32768), -ESTALE);
        const userblk_request request = take(fd());
        EXPECT_NE(request.payload, old.payload);
        EXPECT_EQ(write_at(fd(), data.data(), 4096, old.payload), -ESTALE);
        EXPECT_EQ(write_at(fd(), data.data() + 32768, 32768, request.payload + 32768), -EINVAL);
        const std::size_t most = whole ? 65536 : 32768;
        EXPECT_EQ(write_at(fd(), data.data(), most, request.payload), static_cast<ssize_t>(most));
        EXPECT_EQ(put_filled(request), 0);
        EXPECT_EQ(io->result(), whole ? 0 : EIO);
        if (whole) {
            EXPECT_EQ(io->data(), data);
        }
    }
}

// The same for the offset of a WRITE.
TEST_F(PayloadFile, OldOffsetOfAWriteIsStale) {
    const Io io = device.write(0, pattern(4096, 1));
    const userblk_request old = take(fd());
    Buffer room(4096);
    EXPECT_EQ(reset_all(fd()).count, 1u);
    EXPECT_EQ(read_at(fd(), room.data(), 4096, old.payload), -ESTALE);
    const userblk_request request = take(fd());
    EXPECT_EQ(read_at(fd(), room.data(), 4096, old.payload), -ESTALE);
    EXPECT_TRUE(room.all(0));
    EXPECT_EQ(info(fd()).stale, 2u);
    EXPECT_EQ(read_at(fd(), room.data(), 4096, request.payload), 4096);
    EXPECT_EQ(room, io->data());
}

// A READ's payload cannot be read, a WRITE's cannot be written.
TEST_F(PayloadFile, WrongDirection) {
    const Io read = device.read(0, 4096);
    const userblk_request a = take(fd());
    const Io write = device.write(0, pattern(4096, 1));
    const userblk_request b = take(fd());
    Buffer room(4096);
    const Pipe pipe;
    loff_t place = static_cast<loff_t>(a.payload);
    EXPECT_EQ(read_at(fd(), room.data(), 4096, a.payload), -EPERM);
    EXPECT_EQ(told(splice(fd(), &place, pipe.in.get(), nullptr, 4096, 0)), -EPERM);
    EXPECT_EQ(write_at(fd(), room.data(), 4096, b.payload), -EPERM);
    EXPECT_TRUE(room.all(0));
    EXPECT_EQ(put(fd(), complete(b.id)), 0);
    EXPECT_EQ(write->data(), pattern(4096, 1));
    EXPECT_EQ(put(fd(), complete(a.id, -EIO)), 0);
    EXPECT_EQ(read->result(), EIO);
}

// A request without payload has no offset, and the one computed for its slot is refused.
TEST_F(PayloadFile, NothingToMove) {
    const int block = device.block();
    const Io flush = device.flush();
    const userblk_request a = take(fd());
    const Io discard = device.start([=] {
        std::uint64_t range[2] = {0, 65536};
        return ioctl_error(block, BLKDISCARD, range);
    });
    const userblk_request b = take(fd());
    Buffer room(4096);
    for (const userblk_request& request : {a, b}) {
        EXPECT_EQ(request.payload, 0u);
        const std::uint64_t place =
            (std::uint64_t{USERBLK_ID_GENERATION(request.id)} & ((1u << 25) - 1)) << 38 |
            std::uint64_t{USERBLK_ID_TAG(request.id)} << 23;
        EXPECT_EQ(read_at(fd(), room.data(), 4096, place), -EINVAL);
        EXPECT_EQ(write_at(fd(), room.data(), 4096, place), -EINVAL);
        EXPECT_EQ(put(fd(), complete(request.id)), 0);
    }
    EXPECT_EQ(flush->result(), 0);
    EXPECT_EQ(discard->result(), 0);
    EXPECT_EQ(read_at(fd(), room.data(), 4096, 0), -ESTALE);
}

// A node opened read-only transfers nothing in either direction, because reading payloads requires
// write access too; one opened write-only can fill a READ, but not read a WRITE.
TEST_F(PayloadFile, NodeOpenedForOneThingOnly) {
    const Io write = device.write(0, pattern(4096, 1));
    const userblk_request a = take(fd());
    const Io read = device.read(0, 4096);
    const userblk_request b = take(fd());
    Buffer room(4096);
    const Pipe pipe;
    loff_t place = static_cast<loff_t>(a.payload);
    const Fd looking = open_file(device.control_path(), O_RDONLY);
    EXPECT_EQ(read_at(looking.get(), room.data(), 4096, a.payload), -EBADF);
    EXPECT_EQ(told(splice(looking.get(), &place, pipe.in.get(), nullptr, 4096, 0)), -EBADF);
    EXPECT_EQ(write_at(looking.get(), room.data(), 4096, b.payload), -EBADF);
    const Fd writing = open_file(device.control_path(), O_WRONLY);
    EXPECT_EQ(read_at(writing.get(), room.data(), 4096, a.payload), -EBADF);
    EXPECT_EQ(write_at(writing.get(), room.data(), 4096, b.payload), 4096);
    EXPECT_EQ(put(writing.get(), complete(b.id)), 0);
    EXPECT_EQ(read->result(), 0);
    EXPECT_TRUE(read->data().all(0));
    EXPECT_TRUE(room.all(0));
}

// The device is removed: every transfer fails with ENODEV.
TEST_F(PayloadFile, RemovedDevice) {
    const Io write = device.write(0, pattern(4096, 1)), read = device.read(0, 4096);
    const std::vector<userblk_request> requests = take_each(fd(), 2);
    EXPECT_EQ(device.remove(), 0);
    Buffer room(4096);
    const Pipe pipe;
    for (const userblk_request& request : requests) {
        loff_t place = static_cast<loff_t>(request.payload);
        EXPECT_EQ(read_at(fd(), room.data(), 4096, request.payload), -ENODEV);
        EXPECT_EQ(write_at(fd(), room.data(), 4096, request.payload), -ENODEV);
        EXPECT_EQ(told(splice(fd(), &place, pipe.in.get(), nullptr, 4096, 0)), -ENODEV);
    }
}

// Any process that can open the node may transfer payloads, several at once.
TEST_F(PayloadFile, AnotherProcessMovesThePayload) {
    const Buffer data = pattern(65536, 1);
    const Io io = device.read(0, 65536);
    const userblk_request request = take(fd());
    for (std::size_t at = 0; at < 65536; at += 16384) {
        Child child([&](ChildSide&) -> int {
            const Fd control = device.open_control();
            return write_at(control.get(), data.data() + at, 16384, request.payload + at) != 16384;
        });
        EXPECT_EQ(child.wait(), 0);
    }
    EXPECT_EQ(put_filled(request), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(io->data(), data);
}

// lseek, read and write use the descriptor's file position.
TEST_F(PayloadFile, SeekThenReadAndWrite) {
    const Io write = device.write(0, pattern(8192, 1));
    const userblk_request a = take(fd());
    Buffer room(8192);
    ASSERT_EQ(lseek(fd(), static_cast<off_t>(a.payload), SEEK_SET), static_cast<off_t>(a.payload));
    EXPECT_EQ(told(::read(fd(), room.data(), 5000)), 5000);
    EXPECT_EQ(lseek(fd(), 0, SEEK_CUR), static_cast<off_t>(a.payload + 5000));
    EXPECT_EQ(told(::read(fd(), room.data() + 5000, 5000)), 3192);
    EXPECT_EQ(told(::read(fd(), room.data(), 1)), 0);
    EXPECT_EQ(room, write->data());
    EXPECT_EQ(lseek(fd(), 0, SEEK_END), -1);
    EXPECT_EQ(put(fd(), complete(a.id)), 0);
    const Io read = device.read(0, 8192);
    const userblk_request b = take(fd());
    ASSERT_EQ(lseek(fd(), static_cast<off_t>(b.payload), SEEK_SET), static_cast<off_t>(b.payload));
    EXPECT_EQ(told(::write(fd(), room.data(), 5000)), 5000);
    EXPECT_EQ(told(::write(fd(), room.data() + 5000, 5000)), 3192);
    EXPECT_EQ(told(::write(fd(), room.data(), 1)), -ENOSPC);
    EXPECT_EQ(put_filled(b), 0);
    EXPECT_EQ(read->result(), 0);
    EXPECT_EQ(read->data(), room);
}

// Scattered memory: readv and writev.
TEST_F(PayloadFile, ReadvAndWritev) {
    Buffer one(1000), two(3000), three(9000);
    const iovec pieces[] = {
        {one.data(), 1000}, {nullptr, 0}, {two.data(), 3000}, {three.data(), 9000}};
    const Io write = device.write(0, pattern(8192, 1));
    const userblk_request a = take(fd());
    EXPECT_EQ(told(preadv(fd(), pieces, 4, static_cast<off_t>(a.payload))), 8192);
    EXPECT_EQ(std::memcmp(one.data(), write->data().data(), 1000), 0);
    EXPECT_EQ(std::memcmp(two.data(), write->data().data() + 1000, 3000), 0);
    EXPECT_EQ(std::memcmp(three.data(), write->data().data() + 4000, 4192), 0);
    EXPECT_EQ(put(fd(), complete(a.id)), 0);
    const Io read = device.read(0, 8192);
    const userblk_request b = take(fd());
    EXPECT_EQ(told(pwritev(fd(), pieces, 4, static_cast<off_t>(b.payload))), 8192);
    EXPECT_EQ(put_filled(b), 0);
    EXPECT_EQ(read->result(), 0);
    EXPECT_EQ(read->data(), write->data());
}

// Memory that is inaccessible, wholly or from some point on: the call returns what it transferred
// before, and the request is unharmed.
TEST_F(PayloadFile, BadMemory) {
    EdgeMemory memory(8192);
    const Io write = device.write(0, pattern(16384, 1));
    const userblk_request a = take(fd());
    const auto bad = reinterpret_cast<void*>(bad_address);
    EXPECT_EQ(read_at(fd(), bad, 4096, a.payload), -EFAULT);
    EXPECT_EQ(read_at(fd(), memory.edge(), 4096, a.payload), -EFAULT);
    EXPECT_EQ(read_at(fd(), memory.before_edge(5000), 16384, a.payload), 5000);
    EXPECT_EQ(std::memcmp(memory.before_edge(5000), write->data().data(), 5000), 0);
    const iovec pieces[] = {{memory.before_edge(100), 100}, {memory.edge(), 100}};
    EXPECT_EQ(told(preadv(fd(), pieces, 2, static_cast<off_t>(a.payload + 7))), 100);
    memory.make_read_only();
    EXPECT_EQ(read_at(fd(), memory.before_edge(4096), 4096, a.payload), -EFAULT);
    EXPECT_EQ(put(fd(), complete(a.id)), 0);
    EXPECT_EQ(write->result(), 0);

    const Io read = device.read(0, 16384);
    const userblk_request b = take(fd());
    const Buffer data = pattern(16384, 2);
    EXPECT_EQ(write_at(fd(), bad, 4096, b.payload), -EFAULT);
    EXPECT_EQ(write_at(fd(), memory.edge(), 4096, b.payload), -EFAULT);
    EXPECT_EQ(write_at(fd(), memory.before_edge(5000), 16384, b.payload), 5000);
    EXPECT_EQ(write_at(fd(), data.data(), 1, b.payload + 5001), -EINVAL);
    EXPECT_EQ(write_at(fd(), data.data() + 5000, 11383, b.payload + 5000), 11383);
    EXPECT_EQ(put_filled(b), 0);
    EXPECT_EQ(read->result(), EIO);
}

// A buffer that is never filled in: a RESET takes the request from the process that blocks on it,
// and others carry on.
TEST_F(PayloadFile, BufferThatNeverComes) {
    for (const bool reads : {false, true}) {
        const Io io = reads ? device.read(0, 65536) : device.write(0, pattern(65536, 1));
        Child child([&](ChildSide& side) -> int {
            UnansweredMemory memory(65536);
            const userblk_request request = take(fd());
            std::thread([&] { side.tell(memory.touched()); }).detach();
            if (reads)
                write_at(fd(), memory.data(), 65536, request.payload);
            else
                read_at(fd(), memory.data(), 65536, request.payload);
            side.sleep_for_ever();
        });
        EXPECT_EQ(child.await(), 1u);
        EXPECT_TRUE(eventually_sleeps(child.pid()));
        EXPECT_EQ(reset_all(fd()).count, 1u);
        const userblk_request request = take(fd());
        const Buffer data = pattern(65536, 2);
        if (reads) {
            EXPECT_EQ(write_at(fd(), data.data(), 65536, request.payload), 65536);
        }
        EXPECT_EQ(put(fd(), complete(request.id)), 0);
        EXPECT_EQ(io->result(), 0);
        child.kill();
    }
}

// Half of the buffer is accessible: what was written in a delivery that is over does not count in
// the next one.
TEST_F(PayloadFile, HalfABufferAndAReset) {
    const Io io = device.read(0, 65536);
    const Buffer data = pattern(65536, 1);
    Child child([&](ChildSide& side) -> int {
        UnansweredMemory memory(32768);
        const userblk_request request = take(fd());
        std::thread([&] { side.tell(memory.touched()); }).detach();
        const iovec pieces[] = {{const_cast<std::uint8_t*>(data.data()), 32768},
                                {memory.data(), 32768}};
        pwritev(fd(), pieces, 2, static_cast<off_t>(request.payload));
        side.sleep_for_ever();
    });
    EXPECT_EQ(child.await(), 1u);
    EXPECT_EQ(reset_all(fd()).count, 1u);
    const userblk_request request = take(fd());
    EXPECT_EQ(write_at(fd(), data.data(), 1, request.payload + 32768), -EINVAL);
    child.kill();
    EXPECT_EQ(write_at(fd(), data.data(), 1, request.payload + 32768), -EINVAL);
    EXPECT_EQ(put_filled(request), 0);
    EXPECT_EQ(io->result(), EIO);
}

// A payload is spliced to a pipe, as a whole and from its middle; behind its end there is nothing.
TEST_F(PayloadFile, SpliceOut) {
    constexpr std::size_t length = 262144;
    const Io io = device.write(0, pattern(length, 1));
    const userblk_request request = take(fd());
    const Pipe pipe;
    EXPECT_EQ(splice_out(request, pipe.in.get(), length), length);
    EXPECT_EQ(pipe.drain(length), io->data());
    loff_t place = static_cast<loff_t>(request.payload + length);
    EXPECT_EQ(told(splice(fd(), &place, pipe.in.get(), nullptr, 4096, 0)), 0);
    place = static_cast<loff_t>(request.payload + 513);
    EXPECT_EQ(told(splice(fd(), &place, pipe.in.get(), nullptr, 1000, 0)), 1000);
    EXPECT_EQ(std::memcmp(pipe.drain(1000).data(), io->data().data() + 513, 1000), 0);
}

// sendfile copies the payload to a socket and to a file.
TEST_F(PayloadFile, SendfileToASocketAndAFile) {
    constexpr std::size_t length = 262144;
    const Io io = device.write(0, pattern(length, 1));
    const userblk_request request = take(fd());
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const Fd left(ends[0]), right(ends[1]);
    Buffer room(length);
    std::thread reader([&] {
        for (std::size_t done = 0; done < length;) {
            const ssize_t n = ::read(right.get(), room.data() + done, length - done);
            if (n <= 0)
                return;
            done += static_cast<std::size_t>(n);
        }
    });
    off_t place = static_cast<off_t>(request.payload);
    for (std::size_t done = 0; done < length;) {
        const ssize_t n = told(sendfile(left.get(), fd(), &place, length - done));
        EXPECT_GT(n, 0);
        if (n <= 0)
            break;
        done += static_cast<std::size_t>(n);
    }
    shutdown(left.get(), SHUT_WR);
    reader.join();
    EXPECT_EQ(room, io->data());
    const Fd file = memory_file(0);
    place = static_cast<off_t>(request.payload);
    EXPECT_EQ(told(sendfile(file.get(), fd(), &place, 2 * length)), static_cast<ssize_t>(length));
    EXPECT_EQ(file_content(file.get(), 0, length), io->data());
}

// A READ is filled from a pipe.
TEST_F(PayloadFile, SpliceIn) {
    constexpr std::size_t length = 65536;
    const Buffer data = pattern(length, 1);
    const Io io = device.read(0, length);
    const userblk_request request = take(fd());
    const Pipe pipe;
    loff_t place = static_cast<loff_t>(request.payload);
    for (std::size_t done = 0; done < length;) {
        const std::size_t n = std::min<std::size_t>(5000, length - done);
        ASSERT_EQ(told(write(pipe.in.get(), data.data() + done, n)), static_cast<ssize_t>(n));
        ASSERT_EQ(told(splice(pipe.out.get(), nullptr, fd(), &place, n, 0)),
                  static_cast<ssize_t>(n));
        done += n;
    }
    EXPECT_EQ(put_filled(request), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(io->data(), data);
}

// Errors of splicing in: a gap, an offset behind the end, a stale offset. None of it reaches the
// payload.
TEST_F(PayloadFile, SpliceInIsRefusedAsPwriteIs) {
    const Io io = device.read(0, 4096);
    const userblk_request request = take(fd());
    const auto splice_to = [&](std::uint64_t at) {
        const Pipe pipe;
        const Buffer data(512);
        write(pipe.in.get(), data.data(), 512);
        loff_t place = static_cast<loff_t>(at);
        return told(splice(pipe.out.get(), nullptr, fd(), &place, 512, 0));
    };
    EXPECT_EQ(splice_to(request.payload + 512), -EINVAL);
    EXPECT_EQ(splice_to(request.payload + 4096), -ENOSPC);
    EXPECT_EQ(splice_to(request.payload + (1ull << 38)), -ESTALE);
    EXPECT_EQ(put_filled(request), 0);
    EXPECT_EQ(io->result(), EIO);
}

// Spliced pages are copies: after the request has completed, its submitter overwrites its memory,
// and the pipe still holds what was written.
TEST_F(PayloadFile, SplicedOutPagesDoNotChange) {
    constexpr std::size_t length = 65536;
    for (const bool by_sendfile : {false, true}) {
        const Io io = device.write(0, pattern(length, 1));
        const userblk_request request = take(fd());
        const Pipe pipe;
        off_t place = static_cast<off_t>(request.payload);
        if (by_sendfile) {
            EXPECT_EQ(told(sendfile(pipe.in.get(), fd(), &place, length)),
                      static_cast<ssize_t>(length));
        } else {
            EXPECT_EQ(splice_out(request, pipe.in.get(), length), length);
        }
        EXPECT_EQ(put(fd(), complete(request.id)), 0);
        EXPECT_EQ(io->result(), 0);
        io->data().fill(0xaa);
        EXPECT_EQ(pipe.drain(length), pattern(length, 1));
    }
}

// The same while the request is still taken and the submitter overwrites its memory.
TEST_F(PayloadFile, SplicedOutPagesAreNotTheSubmitters) {
    const Io io = device.write(0, pattern(16384, 1));
    const userblk_request request = take(fd());
    const Pipe pipe;
    EXPECT_EQ(splice_out(request, pipe.in.get(), 16384), 16384u);
    io->data().fill(0xaa);
    EXPECT_EQ(pipe.drain(16384), pattern(16384, 1));
    EXPECT_EQ(put(fd(), complete(request.id)), 0);
}

// A pipe with room for a single page, and a full one.
TEST_F(PayloadFile, SpliceIntoASmallPipe) {
    const Io io = device.write(0, pattern(65536, 1));
    const userblk_request request = take(fd());
    const Pipe pipe;
    fcntl(pipe.in.get(), F_SETPIPE_SZ, 4096);
    loff_t place = static_cast<loff_t>(request.payload);
    Buffer all(65536);
    for (std::size_t done = 0; done < 65536;) {
        const ssize_t n =
            told(splice(fd(), &place, pipe.in.get(), nullptr, 65536, SPLICE_F_NONBLOCK));
        ASSERT_GT(n, 0);
        EXPECT_EQ(told(splice(fd(), &place, pipe.in.get(), nullptr, 65536, SPLICE_F_NONBLOCK)),
                  -EAGAIN);
        const Buffer part = pipe.drain(static_cast<std::size_t>(n));
        std::memcpy(all.data() + done, part.data(), part.size());
        done += part.size();
    }
    EXPECT_EQ(all, io->data());
}

// A pipe whose read end is closed.
TEST_F(PayloadFile, SpliceIntoABrokenPipe) {
    const Io io = device.write(0, pattern(65536, 1));
    const userblk_request request = take(fd());
    Pipe pipe;
    pipe.out.reset();
    loff_t place = static_cast<loff_t>(request.payload);
    EXPECT_EQ(told(splice(fd(), &place, pipe.in.get(), nullptr, 65536, 0)), -EPIPE);
    EXPECT_EQ(put(fd(), complete(request.id)), 0);
    EXPECT_EQ(io->result(), 0);
}

// Offsets that differ from a valid one by one bit, and random ones: refused, nothing transferred.
TEST_F(PayloadFile, WrongOffsets) {
    const Io write = device.write(0, pattern(4096, 1)), read = device.read(0, 4096);
    const std::vector<userblk_request> requests = take_each(fd(), 2);
    Buffer room(4096);
    for (const userblk_request& request : requests) {
        for (unsigned int bit = 23; bit < 63; bit++) {
            const std::uint64_t place = request.payload ^ (1ull << bit);
            if (place == requests[0].payload || place == requests[1].payload)
                continue;
            EXPECT_EQ(read_at(fd(), room.data(), 4096, place), -ESTALE) << bit;
            EXPECT_EQ(write_at(fd(), room.data(), 4096, place), -ESTALE) << bit;
        }
        EXPECT_EQ(read_at(fd(), room.data(), 4096, request.payload | 1ull << 63), -EINVAL);
    }
    std::mt19937_64 random(5);
    for (int i = 0; i < 5000; i++) {
        const std::uint64_t place = random() >> 1 | 1ull << 62;
        EXPECT_EQ(read_at(fd(), room.data(), 4096, place), -ESTALE);
        EXPECT_EQ(write_at(fd(), room.data(), 4096, place), -ESTALE);
    }
    EXPECT_TRUE(room.all(0));
    for (const userblk_request& request : requests)
        put(fd(), complete(request.id, -EIO));
    EXPECT_EQ(read->result(), EIO);
}

// Several hardware queues and a depth that is no power of two: offsets encode queue and tag.
TEST_F(PayloadFile, OffsetsOfSeveralQueues) {
    USERBLK_REQUIRES_PROCESSORS(2);
    userblk_config two = test_config();
    two.queues = 2;
    two.depth = 5;
    TestDevice wide(two);
    for (unsigned int round = 0; round < 2; round++) {
        OnProcessor here(round);
        std::vector<Io> ios;
        for (std::uint64_t i = 0; i < 4; i++)
            ios.push_back(wide.write(i << 16, pattern(4096, i + 1)));
        for (const userblk_request& request : take_each(wide.control(), 4)) {
            Buffer room(4096);
            EXPECT_EQ(request.payload >> 23 & 0x7fff,
                      USERBLK_ID_QUEUE(request.id) << 3 | USERBLK_ID_TAG(request.id));
            EXPECT_EQ(read_at(wide.control(), room.data(), 4096, request.payload), 4096);
            EXPECT_EQ(room, pattern(4096, (request.offset >> 16) + 1));
            // A tag between the depth and the next power of two is invalid.
            EXPECT_EQ(read_at(wide.control(), room.data(), 4096,
                              (request.payload & ~(7ull << 23)) | 6ull << 23),
                      -ESTALE);
            EXPECT_EQ(put(wide.control(), complete(request.id)), 0);
        }
        for (const Io& io : ios)
            EXPECT_EQ(io->result(), 0);
    }
}

// A worker in a language without ioctl structures transfers all payloads by pread and pwrite.
TEST_F(PayloadFile, WholeWorker) {
    Store store = make_store(default_size);
    Server server(device, [&](const userblk_request& request) {
        std::uint8_t* at = store.data() + request.offset;
        for (std::size_t done = 0; request.op <= USERBLK_OP_WRITE && done < request.length;) {
            const ssize_t n =
                request.op == USERBLK_OP_READ
                    ? write_at(fd(), at + done, request.length - done, request.payload + done)
                    : read_at(fd(), at + done, request.length - done, request.payload + done);
            if (n <= 0)
                return complete(request.id, -EIO);
            done += static_cast<std::size_t>(n);
        }
        return complete(request.id);
    });
    for (std::uint64_t i = 0; i < 16; i++)
        EXPECT_EQ(device.write(i << 19, pattern(300'032, i))->result(), 0);
    for (std::uint64_t i = 0; i < 16; i++) {
        const Io read = device.read(i << 19, 300'032);
        EXPECT_EQ(read->result(), 0);
        EXPECT_EQ(read->data(), pattern(300'032, i));
    }
}

// An offset of 0 means "no payload". The first slot would get it if the part of its generation that
// an offset encodes were 0; no slot ever has such a generation, not even after the generation
// wraps.
TEST_F(PayloadFile, NoPayloadHasOffsetZero) {
    for (const std::uint32_t last : {(1u << USERBLK_PAYLOAD_GENERATION_BITS) - 1, ~0u}) {
        const ModuleParameter first("first_generation", std::to_string(last));
        TestDevice fresh;
        const Buffer data = pattern(4096, 5);
        for (int i = 0; i < 3; i++) {
            const Io io = fresh.read(0, 4096);
            const userblk_request request = take(fresh.control());
            EXPECT_NE(USERBLK_ID_GENERATION(request.id), last);
            EXPECT_NE(request.id, 0u);
            ASSERT_NE(request.payload, 0u);
            EXPECT_EQ(write_at(fresh.control(), data.data(), 4096, request.payload), 4096);
            EXPECT_EQ(put(fresh.control(), complete_read(request.id, nullptr, 0)), 0);
            EXPECT_EQ(io->result(), 0);
            EXPECT_EQ(io->data(), data);
        }
    }
}

} // namespace userblk::test
