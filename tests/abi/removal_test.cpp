// SPDX-License-Identifier: MIT
//
// Removal finishes whatever the workers do, and leaves nothing behind.
#include <csignal>
#include <filesystem>

#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"

namespace userblk::test {

class Removal : public KernelTest {
protected:
    // What a reader gets from a device that is removed.
    static bool is_gone(int error) { return error == EIO || error == ENODEV || error == ENXIO; }
};

// Every ioctl on a control node fails once its device is removed.
void expect_gone(int fd) {
    userblk_request request = record();
    userblk_answer answer = complete(1);
    userblk_serve both = serve_argument({&answer, 1}, {&request, 1});
    userblk_info argument = info_argument();
    EXPECT_EQ(get(fd, {&request, 1}).error, ENODEV);
    EXPECT_EQ(get(fd, {&request, 1}, for_ever).error, ENODEV);
    EXPECT_EQ(put(fd, answer), ENODEV);
    EXPECT_EQ(serve(fd, both), ENODEV);
    EXPECT_EQ(reset_all(fd).error, ENODEV);
    EXPECT_EQ(ioctl_error(fd, USERBLK_INFO, &argument), ENODEV);
    EXPECT_EQ(resize(fd, 1 << 20), ENODEV);
    EXPECT_EQ(poll_events(fd, POLLIN), POLLHUP | POLLERR);
}

// The nodes disappear with the device; descriptors of it are dead.
TEST_F(Removal, LeavesNothingBehind) {
    TestDevice device;
    ASSERT_EQ(device.remove(), 0);
    EXPECT_FALSE(std::filesystem::exists(device.block_path()));
    EXPECT_FALSE(std::filesystem::exists(device.control_path()));
    EXPECT_FALSE(std::filesystem::exists("/sys/block/" + device.name()));
    EXPECT_TRUE(list_devices().empty());
    expect_gone(device.control());
}

// An unused device needs no force, even with open control nodes.
TEST_F(Removal, NeedsNoForceWhenNobodyUsesIt) {
    TestDevice device;
    EXPECT_EQ(remove_device(device.number(), 0), 0);
    device.forget();
    expect_gone(device.control());
}

// The block device is open: removal is refused, and I/O works as before.
TEST_F(Removal, OfAnOpenDeviceIsRefused) {
    TestDevice device;
    const Io io = device.read(0, 4096);
    EXPECT_EQ(remove_device(device.number(), 0), EBUSY);
    EXPECT_EQ(info(device.control()).queued, 1u);
    const userblk_request request = take(device.control());
    EXPECT_EQ(remove_device(device.number(), 0), EBUSY);
    EXPECT_EQ(put(device.control(), complete(request.id, -ENOSPC)), 0);
    EXPECT_EQ(io->result(), ENOSPC);
    device.close_block();
    EXPECT_EQ(remove_device(device.number(), 0), 0);
    device.forget();
}

// After a refused removal the device can be opened again.
TEST_F(Removal, RefusedOneChangesNothing) {
    TestDevice device;
    {
        const Fd block = open_file(device.block_path(), O_RDONLY);
        EXPECT_EQ(remove_device(device.number(), 0), EBUSY);
    }
    const Fd block = open_file(device.block_path(), O_RDWR);
    EXPECT_EQ(resize(device.control(), 2 * default_size), 0);
}

// Requests are queued and taken: forced removal fails all of them.
TEST_F(Removal, ByForceFailsWhatWaits) {
    TestDevice device;
    std::vector<Io> ios = device.read_many(8);
    ios.push_back(device.write(1 << 20, Buffer(4096)));
    take_up_to(device.control(), 5);
    EXPECT_EQ(device.remove(), 0);
    for (const Io& io : ios)
        EXPECT_TRUE(is_gone(io->result()));
    expect_gone(device.control());
}

// The block device stays open across the removal: later I/O fails, too, in the way the kernel has
// for a device without size.
TEST_F(Removal, LaterIoFails) {
    TestDevice device;
    device.block();
    EXPECT_EQ(device.remove(), 0);
    EXPECT_NE(device.read(0, 4096)->result(), 0);
    EXPECT_NE(device.write(0, Buffer(4096))->result(), 0);
}

// Dirty pages in the page cache and no worker: neither removal nor close waits for them.
TEST_F(Removal, DoesNotWaitForDirtyPages) {
    TestDevice device;
    const Fd block = open_file(device.block_path(), O_WRONLY);
    const Buffer data = pattern(1 << 20, 1);
    ASSERT_EQ(pwrite(block.get(), data.data(), data.size(), 0), 1 << 20);
    const int fd = block.get();
    const Io io = device.start([fd] { return fsync(fd) ? errno : 0; });
    EXPECT_TRUE(eventually([&] { return info(device.control()).queued > 0; }));
    EXPECT_EQ(device.remove(), 0);
    EXPECT_TRUE(is_gone(io->result()));
}

// Some workers are stopped with requests taken, others sleep in GET: forced removal finishes, the
// reader gets an error, and so does a worker that continues and answers.
TEST_F(Removal, ByForceEndsWhileWorkersAreStopped) {
    TestDevice device;
    const std::vector<Io> ios = device.read_many(4);
    std::vector<Child> workers;
    for (int i = 0; i < 2; i++) {
        workers.emplace_back([&](ChildSide& side) {
            const Fd fd = device.open_control();
            const userblk_request request = take(fd.get());
            side.tell();
            side.await();
            const Buffer data(4096);
            return put(fd.get(), complete_read(request.id, data.data(), 4096));
        });
        workers.back().await();
        workers.back().stop();
    }
    EXPECT_EQ(device.remove(), 0);
    for (const Io& io : ios)
        EXPECT_TRUE(is_gone(io->result()));
    for (Child& worker : workers) {
        worker.tell();
        worker.resume();
        EXPECT_EQ(worker.wait(), ENODEV);
    }
}

// Created and never served: removal works with and without requests.
TEST_F(Removal, OfADeviceThatWasNeverServed) {
    { TestDevice quiet; }
    TestDevice device;
    const Io io = device.read(0, 4096);
    EXPECT_EQ(info(device.control()).gets, 0u);
    EXPECT_EQ(device.remove(), 0);
    EXPECT_TRUE(is_gone(io->result()));
}

// The same for a device that would scan its partition table.
TEST_F(Removal, OfADeviceWhosePartitionsWereNeverRead) {
    userblk_config config = test_config();
    config.flags = 0;
    TestDevice device(config, TestDevice::Begin::not_served);
    EXPECT_EQ(device.remove(), 0);
}

// The first GET starts the partition scan, and nobody answers it.
TEST_F(Removal, DuringTheReadingOfPartitions) {
    userblk_config config = test_config();
    config.flags = 0;
    TestDevice device(config);
    userblk_request request = record();
    ASSERT_EQ(get(device.control(), {&request, 1}, a_while).count, 1u);
    EXPECT_EQ(request.op, USERBLK_OP_READ);
    EXPECT_EQ(device.remove(), 0);
}

// Processes waiting in GET and in SERVE get ENODEV.
TEST_F(Removal, WakesWaiters) {
    TestDevice device;
    Child getter([&](ChildSide& side) {
        userblk_request request = record();
        side.tell();
        return get(device.control(), {&request, 1}, for_ever).error;
    });
    Child server([&](ChildSide& side) {
        userblk_request request = record();
        userblk_serve argument = serve_argument({}, {&request, 1}, for_ever);
        side.tell();
        return serve(device.control(), argument);
    });
    for (Child* child : {&getter, &server}) {
        child->await();
        EXPECT_TRUE(eventually_sleeps(child->pid()));
    }
    EXPECT_EQ(device.remove(), 0);
    EXPECT_EQ(getter.wait(), ENODEV);
    EXPECT_EQ(server.wait(), ENODEV);
}

// The number is reused for a new device: a descriptor of the old one stays dead, and an id of the
// old one does nothing to the new one.
TEST_F(Removal, RecycledNumberDoesNotReviveAnOldDescriptor) {
    TestDevice old;
    old.read(0, 4096);
    const userblk_request request = take(old.control());
    ASSERT_EQ(old.remove(), 0);
    userblk_config config = test_config();
    config.number = old.number();
    TestDevice device(config);
    ASSERT_EQ(device.number(), old.number());
    device.read(0, 4096);
    take(device.control());
    expect_gone(old.control());
    EXPECT_EQ(put(old.control(), complete(request.id)), ENODEV);
    EXPECT_EQ(info(device.control()).taken, 1u);
}

// Living and dead processes still hold the block device and control nodes. The device can be
// created and removed under the same number and name over and over.
TEST_F(Removal, OverAndOver) {
    userblk_config config = test_config();
    config.number = 3;
    set_name(config, "again");
    std::vector<std::unique_ptr<TestDevice>> held;
    for (int i = 0; i < 20; i++) {
        held.push_back(std::make_unique<TestDevice>(config));
        held.back()->read(0, 4096);
        if (i % 2)
            take(held.back()->control());
        ASSERT_EQ(held.back()->remove(), 0);
    }
}

// Two threads remove it at once: exactly one succeeds.
TEST_F(Removal, TwoAtOnce) {
    for (int round = 0; round < 10; round++) {
        TestDevice device;
        device.read_many(8);
        take_up_to(device.control(), 4);
        const std::uint32_t number = device.number();
        const auto remove = [number] { return remove_device(number, USERBLK_REMOVE_FORCE); };
        const Io first = device.start(remove), second = device.start(remove);
        const int one = first->result(), two = second->result();
        device.forget();
        EXPECT_TRUE((!one && two == ENODEV) || (!two && one == ENODEV)) << one << ' ' << two;
    }
}

// A taker dies with requests after the device was removed.
TEST_F(Removal, TakerDiesAfterwards) {
    TestDevice device;
    device.read(0, 4096);
    Child dying([&](ChildSide& side) {
        take(device.control());
        side.tell();
        side.await();
        return 0;
    });
    dying.await();
    EXPECT_EQ(device.remove(), 0);
    dying.tell();
    EXPECT_EQ(dying.wait(), 0);
}

// One device's workers hang; another device lives and is removed independently.
TEST_F(Removal, DoesNotDependOnOtherDevices) {
    TestDevice stuck, other;
    const Io io = stuck.read(0, 4096);
    take(stuck.control());
    EXPECT_EQ(other.remove(), 0);
    TestDevice third;
    EXPECT_EQ(third.remove(), 0);
    EXPECT_FALSE(io->finished());
}

} // namespace userblk::test
