// SPDX-License-Identifier: MIT
//
// A watcher of a file is notified of redirected I/O as of a process' own reads and writes.
#include <cerrno>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/inotify.h>

#include "tests/support/files.hpp"
#include "tests/support/kernel_test.hpp"

namespace userblk::test {

namespace {

userblk_config watched_config() {
    userblk_config config = test_config();
    config.flags |=
        USERBLK_F_REDIRECT | USERBLK_F_CACHE | USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES;
    return config;
}

// inotify on one file or directory.
class Watch {
public:
    explicit Watch(const std::string& path) : fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
        if (inotify_add_watch(fd_.get(), path.c_str(), IN_ACCESS | IN_MODIFY) < 0)
            throw_errno("unable to watch " + path);
    }
    // The events since the last call.
    std::uint32_t heard() const {
        alignas(inotify_event) char buffer[4096];
        std::uint32_t mask = 0;
        ssize_t n;
        while ((n = read(fd_.get(), buffer, sizeof(buffer))) > 0)
            for (const char* at = buffer; at < buffer + n;) {
                const auto* event = reinterpret_cast<const inotify_event*>(at);
                mask |= event->mask;
                at += sizeof(*event) + event->len;
            }
        EXPECT_EQ(errno, EAGAIN);
        return mask & (IN_ACCESS | IN_MODIFY);
    }

private:
    Fd fd_;
};

} // namespace

class RedirectWatch : public KernelTest {
protected:
    TestDevice device{watched_config()};

    std::uint32_t heard_of(const Io& io, int fd, const Watch& watch) {
        EXPECT_EQ(put(device.control(), redirect(take(device.control()), fd, 0)), 0);
        EXPECT_EQ(io->result(), 0);
        // Events arrive before the request ends.
        return watch.heard();
    }
    // The file is in the directory; `watched` is one of the two.
    void expect_heard(int fd, const std::string& watched) {
        const Watch watch(watched);
        const int block = device.block();
        EXPECT_EQ(heard_of(device.read(0, 4096), fd, watch), IN_ACCESS);
        EXPECT_EQ(heard_of(device.write(0, pattern(4096, 1)), fd, watch), IN_MODIFY);
        EXPECT_EQ(heard_of(device.start([=] { return punch(block, 0, 4096); }), fd, watch),
                  IN_MODIFY);
        EXPECT_EQ(heard_of(device.flush(), fd, watch), 0u);
    }
    void expect_heard_there(const std::string& folder, int flags) {
        const std::string path = folder + "/file";
        Fd fd = open_file(path, O_RDWR | O_CREAT);
        write_to_file(fd.get(), 0, pattern(65536, 3));
        ASSERT_EQ(fsync(fd.get()), 0);
        fd = open_file(path, O_RDWR | flags);
        for (const std::string& watched : {path, folder})
            expect_heard(fd.get(), watched);
    }
};

// A watcher of the file or of its directory sees reads, writes and discards, but no flushes.
TEST_F(RedirectWatch, SeesAFileInMemory) {
    const FileSystem memory(std::uint64_t{4} << 20);
    expect_heard_there(memory.path(), 0);
}

// Through the page cache, and with direct I/O, which completes in an interrupt.
TEST_F(RedirectWatch, SeesAFileOnADisk) {
    const LoopDevice loop(32 << 20);
    const FileSystem disk("ext4", loop.path());
    for (const int flags : {0, O_DIRECT})
        expect_heard_there(disk.path(), flags);
}

// Zeros are written where the file system cannot punch a hole.
TEST_F(RedirectWatch, SeesWrittenZeros) {
    const LoopDevice loop(16 << 20);
    const Fd disk = open_file(loop.path(), O_RDWR);
    const Watch watch(loop.path());
    const int block = device.block();
    const Io io = device.start([=] { return punch(block, 0, 4096); });
    const userblk_request request = take(device.control());
    // A disk zeroes whole blocks only.
    EXPECT_EQ(put(device.control(), redirect(request, disk.get(), 100)), 0);
    EXPECT_EQ(io->result(), 0);
    // udev may still be looking at the disk.
    EXPECT_EQ(watch.heard() & ~IN_ACCESS, IN_MODIFY);
}

} // namespace userblk::test
