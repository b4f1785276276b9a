// SPDX-License-Identifier: MIT
//
// The data of reads and writes: exact, whatever the length and the memory.
#include <cstdlib>
#include <cstring>

#include <sys/mman.h>

#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"

namespace userblk::test {

class Payload : public KernelTest {};

// READ data from one block to a whole transfer is exact, from memory of any alignment to memory of
// any alignment.
TEST_F(Payload, DataOfReadsIsExact) {
    userblk_config config = test_config();
    config.max_transfer = 1 << 20;
    TestDevice device(config);
    for (const std::size_t length : {512u, 4096u, 4608u, 65536u, 1u << 20}) {
        for (const std::size_t skew : {0u, 1u, 511u, 4095u}) {
            Buffer data(length + skew);
            fill_pattern(data.data() + skew, length, length + skew);
            const Io io = device.read(0, length);
            // The block layer may have split a large one.
            for (std::size_t done = 0; done < length;) {
                const userblk_request request = take(device.control());
                ASSERT_GT(request.length, 0u);
                EXPECT_EQ(put(device.control(),
                              complete_read(request.id, data.data() + skew + request.offset,
                                            request.length)),
                          0);
                done += request.length;
            }
            EXPECT_EQ(io->result(), 0);
            EXPECT_EQ(std::memcmp(io->data().data(), data.data() + skew, length), 0)
                << length << ' ' << skew;
        }
    }
}

// A megabyte is one request if the device allows it.
TEST_F(Payload, LargestTransferIsOneRequest) {
    userblk_config config = test_config();
    config.max_transfer = 1 << 20;
    TestDevice device(config);
    const Io io = device.write(0, pattern(1 << 20, 11));
    const userblk_request request = take(device.control());
    EXPECT_EQ(request.length, 1u << 20);
    Buffer room(request.length + 1);
    EXPECT_EQ(put(device.control(), store(request.id, room.data() + 1, request.length)), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(std::memcmp(room.data() + 1, io->data().data(), request.length), 0);
}

// Writes of many sizes: by FETCH, which leaves them taken and may be repeated, and by STORE.
TEST_F(Payload, PayloadOfWritesIsExact) {
    TestDevice device;
    for (const std::size_t length : {512u, 4096u, 12288u, 262144u}) {
        const Io io = device.write(0, pattern(length, length));
        const userblk_request request = take(device.control());
        ASSERT_EQ(request.length, length);
        for (const std::size_t skew : {0u, 4095u}) {
            Buffer room(length + skew + 1);
            room.fill(0xcc);
            EXPECT_EQ(put(device.control(), fetch(request.id, room.data() + skew, length + 1)), 0);
            EXPECT_EQ(std::memcmp(room.data() + skew, io->data().data(), length), 0);
            EXPECT_EQ(room[skew + length], 0xcc) << "more was written than the payload";
        }
        EXPECT_FALSE(io->finished()) << "acknowledged by a FETCH";
        Buffer room(length);
        EXPECT_EQ(put(device.control(), store(request.id, room.data(), length)), 0);
        EXPECT_EQ(io->result(), 0);
        EXPECT_EQ(room, io->data());
    }
}

// Reads are answered straight from a mapped store, writes stored straight into it.
TEST_F(Payload, MovesToAndFromAMappedStore) {
    TestDevice device;
    Store store = make_store(default_size);
    fill_pattern(store.data(), store.size(), 20);
    Server server(device, store);
    const Io read = device.read(1 << 20, 256 << 10);
    EXPECT_EQ(read->result(), 0);
    EXPECT_EQ(std::memcmp(read->data().data(), store.data() + (1 << 20), 256 << 10), 0);
    const Io write = device.write(2 << 20, pattern(256 << 10, 21));
    EXPECT_EQ(write->result(), 0);
    EXPECT_EQ(std::memcmp(write->data().data(), store.data() + (2 << 20), 256 << 10), 0);
    const Io again = device.read(2 << 20, 256 << 10);
    EXPECT_EQ(again->result(), 0);
    EXPECT_EQ(again->data(), write->data());
}

// The memory of an answer's data is paged out: the kernel pages it in.
TEST_F(Payload, DataThatIsPagedOutIsPagedIn) {
    TestDevice device;
    const Buffer data = pattern(4096, 7);
    char path[] = "/var/tmp/userblk-XXXXXX";
    const Fd file(mkstemp(path));
    unlink(path);
    ASSERT_EQ(pwrite(file.get(), data.data(), 4096, 0), 4096);
    void* map = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file.get(), 0);
    ASSERT_NE(map, MAP_FAILED);
    const Io io = device.read(0, 4096);
    EXPECT_EQ(put(device.control(), complete_read(take(device.control()).id, map, 4096)), 0);
    munmap(map, 4096);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(io->data(), data);
}

} // namespace userblk::test
