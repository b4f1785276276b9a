// SPDX-License-Identifier: MIT
//
// Which cgroup redirected I/O is charged to: that of the worker, whether the kernel does it at once
// or later, when the worker may have exited.
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/support/control_group.hpp"
#include "tests/support/files.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"

namespace userblk::test {

namespace {

constexpr std::uint64_t length = 64 << 10;

std::uint64_t field(const std::string& line, const std::string& name) {
    std::istringstream words(line);
    for (std::string word; words >> word;)
        if (word.starts_with(name))
            return std::stoull(word.substr(name.size()));
    return 0;
}

// Bytes to or from a disk ("rbytes" or "wbytes") that are charged to a group.
std::uint64_t bytes_of(const ControlGroup& group, const std::string& disk,
                       const std::string& what) {
    struct stat status {};
    EXPECT_EQ(::stat(disk.c_str(), &status), 0);
    const std::string wanted =
        std::to_string(major(status.st_rdev)) + ":" + std::to_string(minor(status.st_rdev)) + " ";
    std::ifstream file(group.path() + "/io.stat");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(wanted))
            return field(line, what + "=");
    return 0;
}

} // namespace

class RedirectAccounting : public KernelTest {
protected:
    // The memory controller, too: dirty pages are written back on account of their group.
    ControlGroup group{"+io +memory"};
    Store content = make_store(default_size);
    TestDevice disk{config()}, device{config(USERBLK_F_WRITE_ZEROES)};
    Server server{disk, content};
    // On last close a disk writes back and drops its page cache.
    Fd keep = open_file(disk.block_path(), O_RDONLY);

    static userblk_config config(std::uint32_t flags = 0) {
        userblk_config config = test_config();
        config.flags |= USERBLK_F_CACHE | flags;
        return config;
    }
    // A process in the group opens the disk with these flags, redirects the next request there and
    // exits.
    void redirect_next(const Io& io, int flags) {
        Child worker([&](ChildSide&) -> int {
            group.add(0);
            const Fd fd = open_file(disk.block_path(), O_RDWR | flags);
            const userblk_request request = take(device.control());
            return put(device.control(), redirect(request, fd.get(), request.offset));
        });
        EXPECT_EQ(worker.wait(), 0);
        EXPECT_EQ(io->result(), 0);
    }
    std::uint64_t count(const std::string& what) const {
        return bytes_of(group, disk.block_path(), what);
    }
};

// Done inside the worker's own call.
TEST_F(RedirectAccounting, OfImmediateIo) {
    redirect_next(device.read(0, length), O_DIRECT);
    EXPECT_EQ(count("rbytes"), length);
    EXPECT_EQ(count("wbytes"), 0u);
    redirect_next(device.write(length, pattern(length, 1)), O_DIRECT);
    EXPECT_EQ(count("rbytes"), length);
    EXPECT_EQ(count("wbytes"), length);
}

// None of it is in the page cache, so that a kernel thread reads it.
TEST_F(RedirectAccounting, OfAReadThatWaits) {
    redirect_next(device.read(0, length), 0);
    EXPECT_GE(count("rbytes"), length); // and readahead
    EXPECT_EQ(count("wbytes"), 0u);
}

// The disk has no write-zeroes, so that a kernel thread writes the zeros.
TEST_F(RedirectAccounting, OfZeros) {
    const Io io = device.start([fd = device.block()] {
        std::uint64_t range[2] = {0, length};
        return ioctl_error(fd, BLKZEROOUT, range);
    });
    redirect_next(io, O_DIRECT);
    EXPECT_EQ(count("wbytes"), length);
}

// A write that only reached the page cache is written back by a FLUSH that another worker
// redirected.
TEST_F(RedirectAccounting, OfAWriteThroughThePageCache) {
    redirect_next(device.write(0, pattern(length, 2)), 0);
    redirect_next(device.flush(), 0);
    EXPECT_GE(count("wbytes"), length);
}

} // namespace userblk::test
