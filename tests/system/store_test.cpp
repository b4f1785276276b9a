// SPDX-License-Identifier: MIT
//
// What a store sees of its device: holes, flushes and their order, sizes.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <mutex>

#include "tests/support/uevents.hpp"
#include "tests/system/support/drivers.hpp"
#include "tests/system/support/fio.hpp"
#include "tests/system/support/library_driver.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class Holes : public SystemTest {
protected:
    static constexpr std::uint64_t size = 32 * mib;

    // A device over a file full of data, fully allocated.
    void SetUp() override {
        SystemTest::SetUp();
        store_ = make_file("store.img", 0);
        shell("head -c 32M /dev/zero | tr '\\0' x >\"$1\"", {store_});
        ASSERT_GE(allocated(store_), size);
    }
    bool reads(const TestDevice& device, std::uint64_t offset, std::uint64_t length, char value) {
        const Fd fd = open_file(device.block_path(), O_RDONLY | O_DIRECT);
        Buffer data(length);
        EXPECT_EQ(pread(fd.get(), data.data(), length, static_cast<off_t>(offset)),
                  static_cast<ssize_t>(length));
        return data.all(static_cast<std::uint8_t>(value));
    }
    const std::string& store() const { return store_; }
    std::string spec() const { return "file:" + store_; }

private:
    std::string store_;
};

// blkdiscard on part of the device: the backing file frees the space, there and nowhere else.
TEST_F(Holes, AreMadeByDiscard) {
    TestDevice device(full_config(size));
    Supervisor serve(device, spec(), 2);
    succeed({"blkdiscard", "-o", "8M", "-l", "16M", device.block_path()});
    EXPECT_LE(allocated(store()), size - 16 * mib + 65536);
    EXPECT_TRUE(reads(device, 8 * mib - 4096, 4096, 'x'));
    EXPECT_TRUE(reads(device, 8 * mib, mib, 0));
    EXPECT_TRUE(reads(device, 23 * mib, mib, 0));
    EXPECT_TRUE(reads(device, 24 * mib, 4096, 'x'));
    EXPECT_GT(info(device.control()).discards, 0u);
    serve.stop();
}

// Zeroing that may free the space (fallocate's PUNCH_HOLE on the block device) makes a hole of
// zeros.
TEST_F(Holes, AreMadeByWritingZeroes) {
    TestDevice device(full_config(size));
    Supervisor serve(device, spec(), 2);
    succeed(
        {"fallocate", "--punch-hole", "--offset", "4M", "--length", "16M", device.block_path()});
    EXPECT_LE(allocated(store()), size - 16 * mib + 65536);
    EXPECT_TRUE(reads(device, 4 * mib, mib, 0));
    EXPECT_TRUE(reads(device, 20 * mib, 4096, 'x'));
    EXPECT_GT(info(device.control()).write_zeroes, 0u);
    serve.stop();
}

// Zeroing that must keep the space (fallocate's ZERO_RANGE, which the kernel passes on as NOUNMAP):
// zeros are read back, and nothing is freed.
TEST_F(Holes, AreNotMadeWhereTheSpaceMustStay) {
    TestDevice device(full_config(size));
    Supervisor serve(device, spec(), 2);
    succeed(
        {"fallocate", "--zero-range", "--offset", "4M", "--length", "16M", device.block_path()});
    EXPECT_GE(allocated(store()), size);
    EXPECT_TRUE(reads(device, 4 * mib, mib, 0));
    EXPECT_TRUE(reads(device, 20 * mib, 4096, 'x'));
    EXPECT_GT(info(device.control()).write_zeroes, 0u);
    serve.stop();
}

// The same on a file system with its own way to zero a range (tmpfs has none).
TEST_F(Holes, AreMadeAndAvoidedInAFileOnADisk) {
    allow_time(240s);
    const std::string disk = make_file("disk.img", 128 * mib);
    succeed({"modprobe", "loop"});
    make_file_system("ext4", disk);
    Mount mount(disk, folder() + "/disk", {"-o", "loop"});
    const std::string image = mount.point() + "/store.img";
    succeed({"cp", "--sparse=never", store(), image});
    {
        TestDevice device(full_config(size));
        Supervisor serve(device, "file:" + image, 2);
        succeed(
            {"fallocate", "--zero-range", "--offset", "4M", "--length", "4M", device.block_path()});
        succeed({"sync", "-f", image});
        EXPECT_GE(allocated(image), size);
        EXPECT_TRUE(reads(device, 4 * mib, mib, 0));
        succeed({"blkdiscard", "-o", "8M", "-l", "8M", device.block_path()});
        succeed({"fallocate", "--punch-hole", "--offset", "24M", "--length", "4M",
                 device.block_path()});
        succeed({"sync", "-f", image});
        EXPECT_LE(allocated(image), size - 12 * mib + 65536);
        EXPECT_TRUE(reads(device, 24 * mib, mib, 0));
        EXPECT_TRUE(reads(device, 20 * mib, mib, 'x'));
        serve.stop();
    }
    mount.unmount();
}

// fstrim on a mounted file system frees the space of deleted files.
TEST_F(Holes, AreMadeByTrimmingAFileSystem) {
    allow_time(180s);
    TestDevice device(full_config(size));
    Supervisor serve(device, spec(), 2);
    make_file_system("ext4", device.block_path());
    Mount mount(device.block_path(), folder() + "/mnt");
    shell("dd if=/dev/urandom of=\"$1/file\" bs=1M count=16 status=none; sync -f \"$1\"",
          {mount.point()});
    const std::uint64_t full = allocated(store());
    shell("rm \"$1/file\"; sync -f \"$1\"", {mount.point()});
    succeed({"fstrim", mount.point()});
    EXPECT_LE(allocated(store()), full - 15 * mib);
    mount.unmount();
    check_file_system("ext4", device.block_path());
    serve.stop();
}

// A device created without discard and write-zeroes: the kernel refuses discard without sending a
// request, and writes zeros as data.
TEST_F(Holes, AreNotMadeWhereTheDeviceDoesNotOfferThem) {
    userblk_config config = full_config(size);
    config.flags &= ~static_cast<std::uint64_t>(USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES);
    TestDevice device(config);
    Supervisor serve(device, spec(), 2);
    const Outcome outcome = run({"blkdiscard", device.block_path()});
    EXPECT_NE(outcome.status, 0);
    EXPECT_NE(outcome.err.find("not supported"), std::string::npos) << outcome.err;
    succeed({"blkdiscard", "--zeroout", "-o", "4M", "-l", "1M", device.block_path()});
    EXPECT_TRUE(reads(device, 4 * mib, mib, 0));
    EXPECT_GE(allocated(store()), size);
    EXPECT_EQ(info(device.control()).discards, 0u);
    EXPECT_EQ(info(device.control()).write_zeroes, 0u);
    serve.stop();
}

// ------------------------------------------------------------------------------------------ order

// A store in memory that records its calls, in the order of completion.
class RecordingBackend final : public Backend {
public:
    enum class Kind { write, durable_write, flush };
    struct Event {
        Kind kind;
        std::uint64_t offset;
    };

    RecordingBackend(std::uint64_t size, bool fua) : memory_(size), fua_(fua) {}

    Description describe() const override {
        return {.size = memory_.size(), .cache = true, .fua = fua_};
    }
    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override {
        std::memcpy(data.data(), memory_.data() + offset, data.size());
        return {};
    }
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          WriteFlags flags) override {
        std::memcpy(memory_.data() + offset, data.data(), data.size());
        note(flags.fua ? Kind::durable_write : Kind::write, offset);
        return {};
    }
    std::error_code flush() override {
        note(Kind::flush, 0);
        return {};
    }
    std::vector<Event> events() const {
        std::lock_guard lock(mutex_);
        return events_;
    }
    void forget() {
        std::lock_guard lock(mutex_);
        events_.clear();
    }

private:
    void note(Kind kind, std::uint64_t offset) {
        std::lock_guard lock(mutex_);
        events_.push_back({kind, offset});
    }

    SharedMemory memory_;
    bool fua_;
    mutable std::mutex mutex_;
    std::vector<Event> events_;
};

using Kind = RecordingBackend::Kind;

class Order : public SystemTest {
protected:
    static constexpr std::uint64_t size = 64 * mib;

    static std::size_t count(const std::vector<RecordingBackend::Event>& events, Kind kind) {
        return static_cast<std::size_t>(std::count_if(
            events.begin(), events.end(), [=](const auto& event) { return event.kind == kind; }));
    }
    // Whether a write at this offset precedes the last flush.
    static bool flushed(const std::vector<RecordingBackend::Event>& events, std::uint64_t offset) {
        bool written = false, safe = false;
        for (const auto& event : events) {
            written |= event.kind == Kind::write && event.offset == offset;
            safe |= event.kind == Kind::flush && written;
        }
        return safe;
    }
    static void write_block(const Fd& fd, std::uint64_t offset) {
        const Buffer data = pattern(4096, offset);
        ASSERT_EQ(pwrite(fd.get(), data.data(), data.size(), static_cast<off_t>(offset)), 4096)
            << std::strerror(errno);
    }
};

// Direct writes that were acknowledged, then fsync: when it returns, the store has seen all the
// writes and, after the last of them, a flush.
TEST_F(Order, FlushComesAfterTheWritesBeforeFsyncReturns) {
    TestDevice device(full_config(size));
    auto store = std::make_shared<RecordingBackend>(size, true);
    LibraryDriver driver(device, store, 2);
    const Fd fd = open_file(device.block_path(), O_RDWR | O_DIRECT);
    for (std::uint64_t at = 0; at < 32; at++)
        write_block(fd, at * 65536);
    EXPECT_EQ(count(store->events(), Kind::flush), 0u) << "nobody requested a flush";
    EXPECT_EQ(fsync(fd.get()), 0);
    for (std::uint64_t at = 0; at < 32; at++)
        EXPECT_TRUE(flushed(store->events(), at * 65536)) << at;
}

// A write with O_DSYNC on the node reaches the store as a durable one before write() returns.
TEST_F(Order, SynchronousWriteIsADurableOneBeforeItReturns) {
    TestDevice device(full_config(size));
    auto store = std::make_shared<RecordingBackend>(size, true);
    LibraryDriver driver(device, store, 2);
    const Fd fd = open_file(device.block_path(), O_RDWR | O_DIRECT | O_DSYNC);
    write_block(fd, 8192);
    const auto events = store->events();
    ASSERT_GE(events.size(), 1u);
    const bool durable = count(events, Kind::durable_write) == 1;
    EXPECT_TRUE(durable || flushed(events, 8192)) << "neither FUA nor a flush came";
}

// The same with a device that has a cache but no FUA: the block layer sends a flush after the
// write.
TEST_F(Order, SynchronousWriteIsFollowedByAFlushWithoutFua) {
    userblk_config config = full_config(size);
    config.flags &= ~static_cast<std::uint64_t>(USERBLK_F_FUA);
    TestDevice device(config);
    auto store = std::make_shared<RecordingBackend>(size, false);
    LibraryDriver driver(device, store, 2);
    const Fd fd = open_file(device.block_path(), O_RDWR | O_DIRECT | O_DSYNC);
    write_block(fd, 8192);
    EXPECT_EQ(count(store->events(), Kind::durable_write), 0u);
    EXPECT_TRUE(flushed(store->events(), 8192));
}

// A device that promises to have no cache never gets a flush.
TEST_F(Order, NoFlushComesWithoutACache) {
    userblk_config config = full_config(size);
    config.flags &= ~static_cast<std::uint64_t>(USERBLK_F_CACHE | USERBLK_F_FUA);
    TestDevice device(config);
    auto store = std::make_shared<RecordingBackend>(size, false);
    LibraryDriver driver(device, store, 2);
    const Fd fd = open_file(device.block_path(), O_RDWR | O_DIRECT | O_DSYNC);
    write_block(fd, 0);
    EXPECT_EQ(fsync(fd.get()), 0);
    EXPECT_EQ(count(store->events(), Kind::flush), 0u);
    EXPECT_EQ(count(store->events(), Kind::durable_write), 0u);
}

// A file system's fsync: the journal's commit reaches the store durably, after the file's data, and
// before fsync returns.
TEST_F(Order, FileSystemsFsyncReachesTheStore) {
    allow_time(180s);
    TestDevice device(full_config(size));
    auto store = std::make_shared<RecordingBackend>(size, true);
    LibraryDriver driver(device, store, 2);
    make_file_system("ext4", device.block_path());
    Mount mount(device.block_path(), folder() + "/mnt");
    for (int round = 0; round < 5; round++) {
        const Fd file(open((mount.point() + "/" + std::to_string(round)).c_str(),
                           O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        const Buffer data = pattern(65536, 1);
        ASSERT_EQ(write(file.get(), data.data(), data.size()), 65536);
        store->forget();
        EXPECT_EQ(fsync(file.get()), 0);
        const auto events = store->events();
        EXPECT_GE(count(events, Kind::write), 1u);
        EXPECT_GE(count(events, Kind::flush) + count(events, Kind::durable_write), 1u);
        EXPECT_NE(events.back().kind, Kind::write) << "the last write was not durable";
    }
    mount.unmount();
}

// --------------------------------------------------------------------------------------- resizing

class HugePages : public SystemTest {
protected:
    static void let_who_asks_have_them(bool yes) {
        succeed(
            {"mount", "-o", std::string("remount,huge=") + (yes ? "advise" : "never"), "/dev/shm"});
    }
    // In kB, of all shared memory.
    static long long taken() {
        std::ifstream file("/proc/meminfo");
        for (std::string word; file >> word;)
            if (word == "ShmemHugePages:" && file >> word)
                return std::stoll(word);
        return -1;
    }
    void TearDown() override {
        let_who_asks_have_them(false);
        SystemTest::TearDown();
    }
    // How much a memory store takes when the device is written.
    static long long taken_by_writing() {
        TestDevice device(full_config(16 * mib));
        Supervisor serve(device, "mem:", 2);
        verify_with_fio({.target = device.block_path(), .size = "8m"});
        const auto result = taken();
        serve.stop();
        return result;
    }
};

// A memory store uses huge pages where /dev/shm grants them on request, and only there.
TEST_F(HugePages, AreTakenByAMemoryStoreThatMay) {
    if (taken() < 0)
        GTEST_SKIP() << "this kernel has no huge pages of shared memory";
    ASSERT_EQ(taken(), 0);
    EXPECT_EQ(taken_by_writing(), 0);
    let_who_asks_have_them(true);
    EXPECT_GE(taken_by_writing(), 2048);
}

class Resize : public SystemTest {};

// A new size is visible through ioctl, sysfs and an open descriptor as soon as the call returns,
// and udev gets an event.
TEST_F(Resize, IsSeenAtOnce) {
    Uevents uevents;
    TestDevice device(full_config(16 * mib));
    Supervisor serve(device, "mem:", 1);
    const Fd open_before = open_file(device.block_path(), O_RDONLY);
    for (const std::uint64_t size : {64 * mib, 8 * mib, 24 * mib}) {
        ASSERT_EQ(resize(device.control(), size), 0);
        EXPECT_EQ(size_of_block_device(device.block_path()), size);
        EXPECT_EQ(lseek(open_before.get(), 0, SEEK_END), static_cast<off_t>(size));
        EXPECT_EQ(device.sysfs("size"), std::to_string(size / 512));
        EXPECT_TRUE(uevents.await(device.name(), "change", "RESIZE=1"));
    }
    serve.stop();
}

// A file system in use grows with its device and its backing file: its content stays, and there is
// room for more.
TEST_F(Resize, GrowsUnderAMountedFileSystem) {
    allow_time(240s);
    const std::string store = make_file("store.img", 32 * mib);
    TestDevice device(full_config(32 * mib));
    Supervisor serve(device, "file:" + store, 2);
    make_file_system("ext4", device.block_path());
    Mount mount(device.block_path(), folder() + "/mnt");
    shell("dd if=/dev/urandom of=\"$1/first\" bs=1M count=16 status=none", {mount.point()});
    const std::string written = checksum_of_tree(mount.point());
    succeed({"truncate", "-s", "96M", store});
    succeed({built("userblkctl"), "resize", device.name(), "96M"});
    succeed({"resize2fs", device.block_path()}, 3 * patience);
    EXPECT_EQ(checksum_of_tree(mount.point()), written);
    shell("dd if=/dev/urandom of=\"$1/second\" bs=1M count=48 status=none; sync -f \"$1\"",
          {mount.point()}, 4 * patience);
    mount.unmount();
    check_file_system("ext4", device.block_path());
    serve.stop();
}

// The reverse, unmounted: the file system is shrunk first, then the device. The content is still
// there, and the device ends at its new size.
TEST_F(Resize, ShrinksAfterItsFileSystem) {
    allow_time(240s);
    TestDevice device(full_config(96 * mib));
    Supervisor serve(device, "mem:", 2);
    make_file_system("ext4", device.block_path());
    std::string written;
    {
        Mount mount(device.block_path(), folder() + "/mnt");
        shell("dd if=/dev/urandom of=\"$1/first\" bs=1M count=16 status=none", {mount.point()});
        written = checksum_of_tree(mount.point());
        mount.unmount();
    }
    succeed({"e2fsck", "-f", "-p", device.block_path()}, 3 * patience);
    succeed({"resize2fs", device.block_path(), "48M"}, 3 * patience);
    succeed({built("userblkctl"), "resize", device.name(), "48M"});
    char beyond = 0;
    EXPECT_EQ(pread(open_file(device.block_path(), O_RDONLY).get(), &beyond, 1, 48 * mib), 0);
    check_file_system("ext4", device.block_path());
    Mount mount(device.block_path(), folder() + "/mnt");
    EXPECT_EQ(checksum_of_tree(mount.point()), written);
    mount.unmount();
    serve.stop();
}

} // namespace userblk::test
