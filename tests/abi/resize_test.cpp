// SPDX-License-Identifier: MIT
//
// RESIZE: seen at once by all who use the device.
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

TEST_F(Resize, IsToldInAUevent) {
    TestDevice device;
    Uevents events;
    EXPECT_EQ(resize(device.control(), default_size * 2), 0);
    EXPECT_TRUE(events.await(device.name(), "change", "RESIZE=1"));
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

// A request beyond the new end that was there before is delivered all the same.
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

// New ones beyond it are not.
TEST_F(Resize, NoNewRequestsBeyondTheEnd) {
    TestDevice device;
    device.block();
    EXPECT_EQ(resize(device.control(), 1 << 20), 0);
    EXPECT_NE(device.read(1 << 20, 4096)->result(), 0);
    EXPECT_NE(device.write(1 << 20, Buffer(4096))->result(), 0);
    EXPECT_EQ(info(device.control()).queued, 0u);
}

// What was added can be used.
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
