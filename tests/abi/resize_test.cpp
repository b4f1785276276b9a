// SPDX-License-Identifier: MIT
//
// RESIZE: every user of the device sees the new size at once.
#include <linux/blkpg.h>
#include <linux/fs.h>

#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"
#include "tests/support/uevents.hpp"

namespace userblk::test {

class Resize : public KernelTest {
protected:
    static std::uint64_t size_of(TestDevice& device) {
        std::uint64_t size = 0;
        EXPECT_EQ(ioctl_error(device.block(), BLKGETSIZE64, &size), 0);
        return size;
    }
};

TEST_F(Resize, IsSeenAtOnce) {
    TestDevice device;
    EXPECT_EQ(size_of(device), default_size);
    for (const std::uint64_t size : {default_size * 2, default_size / 2, std::uint64_t{512}}) {
        EXPECT_EQ(resize(device.control(), size), 0);
        EXPECT_EQ(size_of(device), size);
        EXPECT_EQ(info(device.control()).config.size, size);
        EXPECT_EQ(list_devices().at(0).size, size);
        EXPECT_EQ(device.sysfs("size"), std::to_string(size / 512));
    }
}

TEST_F(Resize, IsReportedInAUevent) {
    TestDevice device;
    Uevents events;
    EXPECT_EQ(resize(device.control(), default_size * 2), 0);
    EXPECT_TRUE(events.await(device.name(), "change", "RESIZE=1"));
}

// The owner of a control node, who need not be root, could keep udev busy: each change takes effect
// at once, but of many in a row udev gets only a few events, the last one after the last change.
TEST_F(Resize, ManyInARowGiveFewUevents) {
    constexpr unsigned int many = 500;
    TestDevice device;
    Uevents first, all;
    EXPECT_EQ(resize(device.control(), 2 * default_size), 0);
    EXPECT_TRUE(first.await(device.name(), "change", "RESIZE=1"));
    const auto begin = std::chrono::steady_clock::now();
    Uevents last;
    for (unsigned int i = 0; i < many; i++)
        EXPECT_EQ(resize(device.control(), (3 + i % 2) * default_size), 0);
    EXPECT_TRUE(last.await(device.name(), "change", "RESIZE=1"));
    // The same size again is no change.
    for (unsigned int i = 0; i < many; i++)
        EXPECT_EQ(resize(device.control(), (3 + (many - 1) % 2) * default_size), 0);
    const auto spent = std::chrono::steady_clock::now() - begin;
    const std::size_t told = all.count(device.name(), "change", "RESIZE=1");
    // At most two in each period that has begun, however slow the machine is.
    EXPECT_LE(told, 3u + 2u * static_cast<std::size_t>(spent / std::chrono::seconds(1) + 1));
    report("changes told", told, 2 * many + 1 - told);
}

// Nobody serves and requests wait: RESIZE does not wait for them.
TEST_F(Resize, DoesNotWaitForRequests) {
    TestDevice device;
    device.read_many(4);
    take_up_to(device.control(), 2);
    EXPECT_EQ(resize(device.control(), default_size * 2), 0);
    EXPECT_EQ(size_of(device), default_size * 2);
    EXPECT_EQ(info(device.control()).queued, 2u);
}

// A request beyond the new end that was queued before is still delivered.
TEST_F(Resize, RequestsBeyondTheNewEndAreStillDelivered) {
    TestDevice device;
    const Io io = device.read(8 << 20, 4096);
    EXPECT_EQ(resize(device.control(), 1 << 20), 0);
    const userblk_request request = take(device.control());
    EXPECT_EQ(request.offset, 8u << 20);
    const Buffer data = pattern(4096, 1);
    EXPECT_EQ(put(device.control(), complete_read(request.id, data.data(), 4096)), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(io->data(), data);
}

// New requests beyond it fail.
TEST_F(Resize, NoNewRequestsBeyondTheEnd) {
    TestDevice device;
    device.block();
    EXPECT_EQ(resize(device.control(), 1 << 20), 0);
    EXPECT_NE(device.read(1 << 20, 4096)->result(), 0);
    EXPECT_NE(device.write(1 << 20, Buffer(4096))->result(), 0);
    EXPECT_EQ(info(device.control()).queued, 0u);
}

// A partition that kept its size reaches beyond the new end: I/O there fails, I/O before it is
// delivered.
TEST_F(Resize, NoNewRequestsBeyondTheEndThroughAPartition) {
    userblk_config config = test_config();
    config.flags = USERBLK_F_DISCARD;
    TestDevice device(config, TestDevice::Begin::not_served);
    Store store = make_store(default_size);
    Server server(device, store);
    Uevents events;
    announce_service(device.control());
    EXPECT_TRUE(events.await(device.name(), "change", "USERBLK_EVENT=served"));
    blkpg_partition half{8 << 20, 8 << 20, 1, {}, {}};
    blkpg_ioctl_arg argument{BLKPG_ADD_PARTITION, 0, sizeof(half), &half};
    EXPECT_EQ(ioctl_error(device.block(), BLKPG, &argument), 0);
    const std::string path = device.block_path() + "p1";
    ASSERT_TRUE(eventually([&] { return !access(path.c_str(), F_OK); }));
    const Fd partition = open_file(path, O_RDWR | O_DIRECT);
    EXPECT_EQ(resize(device.control(), 12 << 20), 0);
    Buffer data(8192);
    const std::size_t before = server.seen().size();
    EXPECT_EQ(pread(partition.get(), data.data(), 4096, (4 << 20) - 4096), 4096);
    EXPECT_EQ(server.seen().size(), before + 1);
    for (const off_t offset : {4 << 20, (8 << 20) - 4096, (4 << 20) - 4096}) {
        const std::size_t length = offset < 4 << 20 ? 8192 : 4096;
        EXPECT_LT(pread(partition.get(), data.data(), length, offset), 0);
        EXPECT_EQ(errno, EIO);
        EXPECT_LT(pwrite(partition.get(), data.data(), length, offset), 0);
        EXPECT_EQ(errno, EIO);
    }
    std::uint64_t range[] = {4 << 20, 1 << 20};
    EXPECT_EQ(ioctl_error(partition.get(), BLKDISCARD, range), EIO);
    EXPECT_EQ(server.seen().size(), before + 1);
}

// The added part can be used.
TEST_F(Resize, TheNewPartCanBeUsed) {
    TestDevice device;
    Store store = make_store(2 * default_size);
    Server server(device, store);
    EXPECT_EQ(device.write(0, pattern(4096, 1))->result(), 0);
    EXPECT_EQ(resize(device.control(), 2 * default_size), 0);
    EXPECT_EQ(device.write(2 * default_size - 4096, pattern(4096, 2))->result(), 0);
    EXPECT_EQ(device.read(2 * default_size - 4096, 4096)->result(), 0);
}

TEST_F(Resize, BadSizesAreRefused) {
    userblk_config config = test_config();
    config.logical_block_size = 4096;
    TestDevice device(config);
    EXPECT_EQ(resize(device.control(), 0), EINVAL);
    EXPECT_EQ(resize(device.control(), 4097), EINVAL);
    EXPECT_EQ(resize(device.control(), default_size + 512), EINVAL);
    EXPECT_EQ(resize(device.control(), 1ull << 63), EFBIG);
    EXPECT_EQ(resize(device.control(), ~4095ull), EFBIG);
    EXPECT_EQ(size_of(device), default_size);
}

TEST_F(Resize, DirtyPaddingIsRefused) {
    TestDevice device;
    userblk_resize argument{1 << 20, 1, 0};
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_RESIZE, &argument), EINVAL);
    argument = {1 << 20, 0, 1};
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_RESIZE, &argument), EINVAL);
    EXPECT_EQ(size_of(device), default_size);
}

TEST_F(Resize, BadPointerIsRefused) {
    TestDevice device;
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_RESIZE, reinterpret_cast<void*>(bad_address)),
              EFAULT);
    EXPECT_EQ(size_of(device), default_size);
}

} // namespace userblk::test
