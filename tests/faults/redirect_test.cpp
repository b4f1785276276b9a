// SPDX-License-Identifier: MIT
//
// Redirected requests with faults: allocations that fail when they are accepted or carried out, and
// files on failing disks. What is refused stays taken; what was accepted and fails is an I/O error
// for its submitter and nobody else.
#include <cstring>
#include <filesystem>

#include <unistd.h>

#include "faults_test.hpp"
#include "tests/support/files.hpp"

namespace userblk::test {

namespace {

constexpr std::size_t length = 65536;

userblk_config redirecting() {
    userblk_config config = test_config();
    config.flags |= USERBLK_F_REDIRECT | USERBLK_F_CACHE | USERBLK_F_DISCARD;
    return config;
}

// Splits a request into that many extents of one file, each at its own offset.
std::vector<userblk_extent> extents_of(const userblk_request& request, int fd, std::size_t n) {
    std::vector<userblk_extent> extents;
    for (std::size_t i = 0; i < n; i++)
        extents.push_back({request.offset + i * request.length / n,
                           static_cast<std::uint32_t>(request.length / n), fd});
    return extents;
}

} // namespace

class Redirected : public FaultTest {
protected:
    TestDevice device{redirecting()};

    // The answer is accepted or refused; a refused request is still taken, and the second try is
    // accepted. The caller judges the result of the I/O.
    int redirect_with_fault(FaultPoint& point, int fd, std::size_t n) {
        const userblk_request request = take(device.control());
        const std::vector<userblk_extent> extents = extents_of(request, fd, n);
        const auto answer_with = [&] {
            return n == 1 ? redirect(request, fd, request.offset) : redirect(request, extents);
        };
        userblk_answer answer = answer_with();
        userblk_put argument = put_argument({&answer, 1});
        int error =
            point.run([&] { return ioctl_error(device.control(), USERBLK_PUT, &argument); });
        if (!error)
            error = -answer.result;
        expect_told(error);
        EXPECT_EQ(info(device.control()).taken, error ? 1u : 0u);
        if (error) {
            EXPECT_EQ(put(device.control(), answer_with()), 0);
        } else {
            EXPECT_EQ(put(device.control(), complete(request.id)), ESTALE);
        }
        return error;
    }
    // Writes and reads with n extents each. An I/O error is right only if a fault was triggered.
    void fail_transfers(int fd, std::size_t n, unsigned int at_least) {
        unsigned int seed = 1;
        expect_faults(fail_each_step([&](FaultPoint& point) {
                          const Io io = device.write(0, pattern(length, ++seed));
                          const int error = redirect_with_fault(point, fd, n);
                          const int result = io->result();
                          if (result) {
                              EXPECT_TRUE(point.hit() && !error) << strerror(result);
                          } else {
                              EXPECT_EQ(file_content(fd, 0, length), pattern(length, seed));
                          }
                          return error ? error : result;
                      }),
                      at_least);
        write_to_file(fd, 0, pattern(length, 5));
        expect_faults(fail_each_step([&](FaultPoint& point) {
                          const Io io = device.read(0, length);
                          const int error = redirect_with_fault(point, fd, n);
                          const int result = io->result();
                          if (result) {
                              EXPECT_TRUE(point.hit() && !error) << strerror(result);
                          } else {
                              EXPECT_EQ(io->data(), pattern(length, 5));
                          }
                          return error ? error : result;
                      }),
                      at_least);
    }
};

TEST_F(Redirected, ToAFileInMemory) {
    const Fd file = memory_file(default_size);
    fail_transfers(file.get(), 1, 1);
}

TEST_F(Redirected, ToManyExtents) {
    const Fd file = memory_file(default_size);
    fail_transfers(file.get(), 16, 2);
}

TEST_F(Redirected, ToADisk) {
    const LoopDevice loop(default_size);
    const Fd file = open_file(loop.path(), O_RDWR | O_DIRECT);
    fail_transfers(file.get(), 1, 1);
    fail_transfers(file.get(), 4, 1);
}

TEST_F(Redirected, ToAFileOnAFileSystem) {
    const LoopDevice loop(64 << 20);
    const FileSystem ext4("ext4", loop.path());
    const Fd file = ext4.make_file("file", default_size, O_DIRECT);
    fail_transfers(file.get(), 1, 2);
}

// The kernel carries out flushes and discards in another thread; the fault hits what comes before.
TEST_F(Redirected, WithoutData) {
    const Fd file = memory_file(default_size);
    expect_faults(fail_each_step([&](FaultPoint& point) {
                      const Io io = device.flush();
                      const int error = redirect_with_fault(point, file.get(), 1);
                      EXPECT_EQ(io->result(), 0);
                      return error;
                  }),
                  0);
}

class FailingBacking : public FaultTest {
protected:
    TestDevice device{redirecting()};
    LoopDevice loop{default_size};
    Fd file = open_file(loop.path(), O_RDWR | O_DIRECT);

    std::string disk() const { return std::filesystem::path(loop.path()).filename(); }

    // Redirects the next request to the same offset of the disk.
    void redirect_next(std::size_t n = 1) {
        const userblk_request request = take(device.control());
        const std::vector<userblk_extent> extents = extents_of(request, file.get(), n);
        EXPECT_EQ(put(device.control(), n == 1 ? redirect(request, file.get(), request.offset)
                                               : redirect(request, extents)),
                  0);
    }
    int write(std::size_t n = 1) {
        const Io io = device.write(0, pattern(length, 3));
        redirect_next(n);
        return io->result();
    }
    int read(std::size_t n = 1) {
        const Io io = device.read(0, length);
        redirect_next(n);
        return io->result();
    }
    int flush() {
        const Io io = device.flush();
        redirect_next();
        return io->result();
    }
};

// The submitter gets the disk's error; the worker, which no longer holds the request, gets none.
// When the disk works again, so does the device.
TEST_F(FailingBacking, ErrorsReachTheSubmitter) {
    ASSERT_EQ(write(), 0);
    {
        const FailingDisk failing(disk());
        for (const std::size_t n : {1, 16}) {
            EXPECT_EQ(write(n), EIO);
            EXPECT_EQ(read(n), EIO);
        }
        EXPECT_EQ(flush(), EIO);
        const userblk_info state = info(device.control());
        EXPECT_EQ(state.errors, 5u);
        EXPECT_EQ(state.queued + state.taken + state.redirected, 0u);
    }
    for (const std::size_t n : {1, 16}) {
        EXPECT_EQ(write(n), 0);
        EXPECT_EQ(read(n), 0);
    }
    EXPECT_EQ(flush(), 0);
}

// One extent on a failing disk fails the request, wherever the others lie.
TEST_F(FailingBacking, OneBadExtentOfMany) {
    const Fd good = memory_file(default_size);
    const FailingDisk failing(disk());
    for (std::size_t bad = 0; bad < 4; bad++) {
        const Io io = device.write(0, pattern(length, 4));
        const userblk_request request = take(device.control());
        std::vector<userblk_extent> extents = extents_of(request, good.get(), 4);
        extents[bad].fd = file.get();
        EXPECT_EQ(put(device.control(), redirect(request, extents)), 0);
        EXPECT_EQ(io->result(), EIO);
    }
}

// Many requests at once, of which some fail: each ends, with an error or with the right data.
TEST_F(FailingBacking, SomeOfMany) {
    constexpr std::size_t count = 64;
    for (std::size_t i = 0; i < count; i++)
        write_to_file(file.get(), i * 65536, pattern(4096, i + 1));
    ASSERT_EQ(fsync(file.get()), 0); // the initial data must not fail
    std::size_t failed = 0, passed = 0;
    {
        const FailingDisk failing(disk(), 50);
        for (int round = 0; round < 4; round++) {
            const std::vector<Io> ios = device.read_many(count);
            for (std::size_t i = 0; i < count; i++)
                redirect_next();
            for (std::size_t i = 0; i < count; i++) {
                const int result = ios[i]->result();
                EXPECT_TRUE(result == 0 || result == EIO) << strerror(result);
                if (!result) {
                    EXPECT_EQ(ios[i]->data(), pattern(4096, i + 1));
                }
                (result ? failed : passed)++;
            }
        }
    }
    EXPECT_EQ(failed + passed, 4 * count);
    EXPECT_GT(failed, 0u);
    EXPECT_GT(passed, 0u);
    const userblk_info state = info(device.control());
    EXPECT_EQ(state.errors, failed);
    EXPECT_EQ(state.queued + state.taken + state.redirected, 0u);
}

} // namespace userblk::test
