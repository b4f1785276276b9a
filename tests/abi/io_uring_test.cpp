// SPDX-License-Identifier: MIT
//
// The control node through io_uring, where available: the payload's offset works like any offset.
#include <cstring>

#include "tests/support/io_ring.hpp"
#include "tests/support/kernel_test.hpp"

namespace userblk::test {

class IoUring : public KernelTest {
protected:
    static constexpr std::size_t length = 65536;
    static constexpr int all = static_cast<int>(length);
    TestDevice device;
    IoRing ring;
};

// A WRITE's payload is read in pieces and as a whole; after the answer its offset is stale.
TEST_F(IoUring, ReadsAPayload) {
    const Io io = device.write(0, pattern(length, 1));
    const userblk_request request = take(device.control());
    Buffer data(length);
    EXPECT_EQ(ring.run(IORING_OP_READ, device.control(), data.data(), 4096, request.payload), 4096);
    EXPECT_EQ(std::memcmp(data.data(), pattern(length, 1).data(), 4096), 0);
    EXPECT_EQ(ring.run(IORING_OP_READ, device.control(), data.data(), length, request.payload),
              all);
    EXPECT_EQ(data, pattern(length, 1));
    EXPECT_EQ(put(device.control(), complete(request.id)), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(ring.run(IORING_OP_READ, device.control(), data.data(), length, request.payload),
              -ESTALE);
}

// A READ is filled; after a RESET it counts as empty and must be filled again.
TEST_F(IoUring, FillsARead) {
    const Io io = device.read(0, length);
    const userblk_request request = take(device.control());
    const Buffer data = pattern(length, 2);
    EXPECT_EQ(ring.run(IORING_OP_WRITE, device.control(), data.data(), length, request.payload),
              all);
    EXPECT_EQ(reset_all(device.control()).count, 1u);
    const userblk_request again = take(device.control());
    EXPECT_EQ(ring.run(IORING_OP_WRITE, device.control(), data.data(), length, request.payload),
              -ESTALE);
    EXPECT_EQ(ring.run(IORING_OP_WRITE, device.control(), data.data(), length, again.payload), all);
    EXPECT_EQ(put(device.control(), complete(again.id)), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(io->data(), data);
}

} // namespace userblk::test
