// SPDX-License-Identifier: MIT
//
// Ending a request runs foreign code: its submitter may have closed everything, so that the last
// reference to the disk, or to a file on a file system there, goes with the request. That close may
// wait for the very process that ended the request, so it never runs in that process (invariant
// 11).
#include <cstring>

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/support/close_watch.hpp"
#include "tests/support/files.hpp"
#include "tests/support/io_ring.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"

namespace userblk::test {

namespace {

userblk_config fragile_config() {
    userblk_config config = test_config();
    config.delivery_limit = 1;
    return config;
}

} // namespace

class LastClose : public KernelTest {
protected:
    Aio aio{4};

    // A direct read of 4 KiB, queued or in progress, whose submitter has closed the file.
    Io abandoned_read(Fd file) {
        Io io = Aio::prepare(file.get(), IOCB_CMD_PREAD, 0, Buffer(4096));
        aio.submit({&io, 1});
        return io;
    }
    Io abandoned_read(const TestDevice& device) {
        return abandoned_read(open_file(device.block_path(), O_RDONLY | O_DIRECT));
    }
    // A process that ends the abandoned read with one call and lives on.
    Child ender(const std::function<void()>& end) {
        Child child([end](ChildSide& side) {
            side.await();
            end();
            side.tell();
            side.await();
            return 0;
        });
        return child;
    }
    void expect_closed_elsewhere(CloseWatch& watch, Child& ender) {
        ender.tell();
        ender.await();
        const pid_t closer = watch.await();
        EXPECT_NE(closer, ender.pid())
            << "the last close ran in the process that ended the request";
        EXPECT_TRUE(is_kernel_thread(closer)) << "process " << closer;
        ender.tell();
        EXPECT_EQ(ender.wait(), 0);
    }
    // The same for a worker that answers in one of several ways.
    void expect_answered(TestDevice& device,
                         const std::function<void(int, const userblk_request&)>& answer) {
        const Fd control = device.open_control();
        CloseWatch watch(device.block_path());
        const Io io = abandoned_read(device);
        Child worker = ender([&] { answer(control.get(), take(control.get())); });
        expect_closed_elsewhere(watch, worker);
        EXPECT_EQ(io->result(), 0);
    }
};

// A worker answers with a single PUT.
TEST_F(LastClose, PutLeavesItToTheKernel) {
    TestDevice device;
    const Buffer data = pattern(4096, 1);
    expect_answered(device, [&](int fd, const userblk_request& request) {
        put(fd, complete_read(request.id, data.data(), data.size()));
    });
}

// A worker answers with SERVE and gets no new request.
TEST_F(LastClose, ServeLeavesItToTheKernel) {
    TestDevice device;
    const Buffer data = pattern(4096, 1);
    expect_answered(device, [&](int fd, const userblk_request& request) {
        userblk_answer answer = complete_read(request.id, data.data(), data.size());
        userblk_request next = record();
        userblk_serve argument = serve_argument({&answer, 1}, {&next, 1});
        serve(fd, argument);
    });
}

// A worker redirects it to a file in memory, so that it ends inside the call.
TEST_F(LastClose, RedirectingLeavesItToTheKernel) {
    TestDevice device;
    const Fd file = memory_file(default_size);
    expect_answered(device, [&](int fd, const userblk_request& request) {
        put(fd, redirect(request, file.get(), 0));
    });
}

// A worker redirects it with direct I/O to a disk whose driver completes it inside the submitting
// call.
TEST_F(LastClose, RedirectingToADiskLeavesItToTheKernel) {
    TestDevice device;
    const RamDisk disk;
    const Fd file = open_file(disk.path(), O_RDWR | O_DIRECT);
    expect_answered(device, [&](int fd, const userblk_request& request) {
        put(fd, redirect(request, file.get(), 0));
    });
}

// The submitter uses io_uring and has closed the disk.
TEST_F(LastClose, OfIoUringLeavesItToItsSubmitter) {
    TestDevice device;
    const Fd control = device.open_control();
    CloseWatch watch(device.block_path());
    IoRing ring;
    Buffer data(4096);
    Fd file = open_file(device.block_path(), O_RDONLY | O_DIRECT);
    ring.submit(IORING_OP_READ, file.get(), data.data(), data.size(), 0);
    file.reset();
    Child worker = ender([&] {
        const userblk_request request = take(control.get());
        put(control.get(), complete_read(request.id, data.data(), data.size()));
    });
    worker.tell();
    worker.await();
    EXPECT_EQ(ring.wait(), 4096);
    const pid_t closer = watch.await();
    EXPECT_NE(closer, worker.pid());
    EXPECT_TRUE(closer == getpid() || is_kernel_thread(closer)) << "process " << closer;
    worker.tell();
    EXPECT_EQ(worker.wait(), 0);
}

// RESET puts back a dead worker's request; it has reached its delivery limit and fails.
TEST_F(LastClose, ResetThatExhaustsLeavesItToTheKernel) {
    TestDevice device(fragile_config());
    const Fd control = device.open_control();
    CloseWatch watch(device.block_path());
    const Io io = abandoned_read(device);
    Child worker([&](ChildSide& side) {
        take(control.get());
        side.tell();
        side.sleep_for_ever();
        return 0;
    });
    worker.await();
    worker.kill();
    Child healer = ender([&] { reset_dead(control.get()); });
    expect_closed_elsewhere(watch, healer);
    EXPECT_EQ(io->result(), EIO);
}

// Forced removal fails a queued request.
TEST_F(LastClose, RemovalOfWhatWaitsLeavesItToTheKernel) {
    TestDevice device;
    CloseWatch watch(device.block_path());
    const Io io = abandoned_read(device);
    Child remover = ender([&] { device.remove(); });
    expect_closed_elsewhere(watch, remover);
    device.forget();
    EXPECT_EQ(io->result(), EIO);
}

// Forced removal fails a taken request.
TEST_F(LastClose, RemovalOfWhatIsHeldLeavesItToTheKernel) {
    TestDevice device;
    CloseWatch watch(device.block_path());
    const Io io = abandoned_read(device);
    take(device.control());
    Child remover = ender([&] { device.remove(); });
    expect_closed_elsewhere(watch, remover);
    device.forget();
    EXPECT_EQ(io->result(), EIO);
}

// The page cache is dirty when the last reference goes: the close writes it back, which waits for
// the only worker. That worker carries on.
TEST_F(LastClose, OfADirtyDiskWaitsForAWorkerThatGoesOn) {
    TestDevice device;
    Store contents = make_store(default_size);
    const Fd control = device.open_control();
    Child worker([&](ChildSide& side) {
        std::vector<userblk_answer> answers{serve_from(contents, take(control.get()))};
        side.tell();
        side.await();
        put(control.get(), answers);
        return serve_by_poll(control.get(), [&] { serve_once(control.get(), contents); });
    });
    Fd dirty = open_file(device.block_path(), O_WRONLY);
    const Io io = abandoned_read(device);
    worker.await();
    const Buffer data = pattern(64u << 10, 2);
    ASSERT_EQ(pwrite(dirty.get(), data.data(), data.size(), 1u << 20), ssize_t(data.size()));
    dirty.reset(); // before the read drops its reference
    worker.tell();
    EXPECT_EQ(io->result(), 0);
    EXPECT_TRUE(eventually([&] {
        return std::memcmp(contents.data() + (1u << 20), data.data(), data.size()) == 0;
    })) << "the worker waits for itself";
    worker.kill();
}

// A file system on the device: the file is unlinked and the file system lazily unmounted while a
// read is in progress. The last reference evicts the inode and completes the unmount, all of which
// is served by the worker that answered the read.
TEST_F(LastClose, OfAnUnlinkedFileAndALazyMountWaitsForAWorkerThatGoesOn) {
    TestDevice device(test_config(64u << 20));
    Store contents = make_store(64u << 20);
    const Fd control = device.open_control();
    Child worker([&](ChildSide&) {
        return serve_by_poll(control.get(), [&] { serve_once(control.get(), contents); });
    });
    FileSystem files("ext4", device.block_path());
    Fd file = files.make_file("unlinked", 1u << 20, O_DIRECT);
    const std::string path = files.path() + "/unlinked";
    CloseWatch watch(path);
    EXPECT_EQ(unlink(path.c_str()), 0);
    EXPECT_EQ(syncfs(file.get()), 0);
    worker.stop();
    const Io io = abandoned_read(std::move(file));
    EXPECT_EQ(umount2(files.path().c_str(), MNT_DETACH), 0);
    worker.resume();
    EXPECT_EQ(io->result(), 0);
    const pid_t closer = watch.await();
    EXPECT_NE(closer, worker.pid());
    EXPECT_TRUE(is_kernel_thread(closer));
    EXPECT_TRUE(eventually([&] { return info(device.control()).openers == 0; }))
        << "the file system is not gone";
    EXPECT_TRUE(lives(worker.pid()));
    worker.kill();
}

} // namespace userblk::test
