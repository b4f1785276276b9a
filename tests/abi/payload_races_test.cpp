// SPDX-License-Identifier: MIT
//
// A payload is read or written as a file while its request is put back, answered by another worker,
// or removed with its device. The calls return what they transferred before; nothing is transferred
// afterwards.
#include <atomic>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "tests/support/kernel_test.hpp"
#include "tests/support/race.hpp"

namespace userblk::test {

namespace {

constexpr std::uint32_t length = 512 << 10;
constexpr std::uint32_t piece = length / 8;
constexpr int rounds = 64;

userblk_config large_requests() {
    userblk_config config = test_config();
    config.max_transfer = length;
    return config;
}

} // namespace

class PayloadRaces : public KernelTest {
protected:
    TestDevice device{large_requests()};
    Io io;
    userblk_request request{};
    Buffer room = Buffer(length);
    std::uint32_t moved = 0; // bytes, until the error
    int error = 0;
    Window before{"it goes just before"}, during{"it goes in the middle"}, after{"just after"};

    void start_write() {
        io = device.write(0, pattern(length, 5));
        request = take(device.control());
        ASSERT_EQ(request.length, length);
        room.fill(0);
    }
    void start_read() {
        io = device.read(0, length);
        request = take(device.control());
        ASSERT_EQ(request.length, length);
    }
    // Transfers piece by piece: the call gets the number of bytes so far and the offset, and
    // returns bytes.
    template <class Call>
    void move(Call call) {
        for (moved = 0, error = 0; moved < length && !error;) {
            const ssize_t now = call(moved, static_cast<off_t>(request.payload + moved));
            if (now > 0)
                moved += static_cast<std::uint32_t>(now);
            else
                error = now ? errno : ENODATA;
        }
    }
    void pread_all() {
        move([&](std::uint32_t at, off_t place) {
            return pread(device.control(), room.data() + at, piece, place);
        });
    }
    void reset() { ASSERT_EQ(reset_id(device.control(), request.id).count, 1u); }
    void complete_again() {
        ASSERT_EQ(put(device.control(), complete(take(device.control()).id)), 0);
        ASSERT_EQ(io->result(), 0);
    }
    void count_move() {
        ASSERT_EQ(error, moved == length ? 0 : ESTALE) << strerror(error);
        before.tried(!moved);
        during.tried(moved && moved < length);
        after.tried(moved == length);
    }
    // What was read is the beginning of the payload.
    void expect_beginning() { ASSERT_EQ(std::memcmp(room.data(), io->data().data(), moved), 0); }
    bool met() const { return before.hits() && during.hits() && after.hits(); }
};

// A worker reads a WRITE's payload while another one puts the request back.
TEST_F(PayloadRaces, PreadAgainstReset) {
    race(
        rounds, [&](int) { start_write(); }, [&](int) { pread_all(); }, [&](int) { reset(); },
        [&](int) {
            count_move();
            expect_beginning();
            complete_again();
        },
        [&] { return met(); });
}

// Another worker answers it meanwhile.
TEST_F(PayloadRaces, PreadAgainstPut) {
    race(
        rounds, [&](int) { start_write(); }, [&](int) { pread_all(); },
        [&](int) {
            ASSERT_EQ(put(device.control(), complete(request.id)), 0);
            ASSERT_EQ(io->result(), 0);
        },
        [&](int) {
            count_move();
            expect_beginning();
        },
        [&] { return met(); });
}

// A worker fills a READ while another one puts it back: the next delivery starts empty.
TEST_F(PayloadRaces, PwriteAgainstReset) {
    const Buffer data = pattern(length, 6);
    race(
        rounds, [&](int) { start_read(); },
        [&](int) {
            move([&](std::uint32_t at, off_t place) {
                return pwrite(device.control(), data.data() + at, piece, place);
            });
        },
        [&](int) { reset(); },
        [&](int round) {
            count_move();
            request = take(device.control());
            const std::uint32_t now = round % 2 ? length : length - piece;
            ASSERT_EQ(
                pwrite(device.control(), data.data(), now, static_cast<off_t>(request.payload)),
                static_cast<ssize_t>(now));
            ASSERT_EQ(put(device.control(), complete(request.id)), 0);
            // Without its last piece it is not full, whatever an earlier delivery filled.
            ASSERT_EQ(io->result(), now == length ? 0 : EIO);
            if (now == length) {
                ASSERT_EQ(io->data(), data);
            }
        },
        [&] { return met(); });
}

// Spliced to a pipe: its reader gets as many bytes as splice returned, and no more.
TEST_F(PayloadRaces, SpliceAgainstReset) {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    const Fd out(ends[0]), in(ends[1]);
    ASSERT_GE(fcntl(in.get(), F_SETPIPE_SZ, length), static_cast<int>(length));
    race(
        rounds, [&](int) { start_write(); },
        [&](int) {
            move([&](std::uint32_t, off_t place) {
                loff_t from = place;
                return splice(device.control(), &from, in.get(), nullptr, piece, 0);
            });
        },
        [&](int) { reset(); },
        [&](int) {
            count_move();
            std::uint32_t got = 0;
            for (ssize_t now; (now = read(out.get(), room.data() + got, length - got)) > 0;)
                got += static_cast<std::uint32_t>(now);
            ASSERT_EQ(got, moved);
            expect_beginning();
            complete_again();
        },
        [&] { return met(); });
}

using PayloadRemovalRaces = KernelTest;

// The device is removed meanwhile. The transfer ends, and the submitter gets an error.
TEST_F(PayloadRemovalRaces, PreadAgainstRemove) {
    Window before("REMOVE just before the pread"), during("REMOVE in the middle of it");
    Buffer room(length);
    const auto met = [&] { return before.hits() && during.hits(); };
    for (int round = 0; (round < 20 || (round < 400 && !met())) && !HasFailure(); round++) {
        TestDevice device{large_requests()};
        const Io io = device.write(0, pattern(length, 7));
        const userblk_request request = take(device.control());
        std::atomic<bool> go = false;
        std::thread removing([&] {
            while (!go)
                ;
            if (round % 2)
                stagger(round / 2);
            EXPECT_EQ(device.remove(), 0);
        });
        std::uint32_t moved = 0;
        go = true;
        if (round % 2 == 0)
            stagger(round / 2);
        for (ssize_t now = 0; moved < length; moved += static_cast<std::uint32_t>(now)) {
            now = pread(device.control(), room.data() + moved, piece,
                        static_cast<off_t>(request.payload + moved));
            if (now < 0) {
                EXPECT_TRUE(errno == ENODEV || errno == ESTALE) << strerror(errno);
                break;
            }
        }
        removing.join();
        before.tried(!moved);
        during.tried(moved && moved < length);
        EXPECT_EQ(std::memcmp(room.data(), io->data().data(), moved), 0);
        EXPECT_TRUE(io->result() == EIO || io->result() == ENODEV) << io->result();
    }
}

} // namespace userblk::test
