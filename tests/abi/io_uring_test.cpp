// SPDX-License-Identifier: MIT
//
// The control node by io_uring, for those who have it: the payload's place is an offset like any.
#include <atomic>
#include <cstring>

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/kernel_test.hpp"

namespace userblk::test {

namespace {

// A ring for one operation at a time, which is waited for.
class Ring {
public:
    Ring() {
        io_uring_params parameters{};
        fd_ = Fd(static_cast<int>(syscall(SYS_io_uring_setup, 1, &parameters)));
        if (fd_.get() < 0 || !(parameters.features & IORING_FEAT_SINGLE_MMAP))
            throw_errno("unable to make a ring");
        size_ = parameters.cq_off.cqes + parameters.cq_entries * sizeof(io_uring_cqe);
        rings_ = static_cast<std::uint8_t*>(map(size_, IORING_OFF_SQ_RING));
        entry_ = static_cast<io_uring_sqe*>(map(sizeof(io_uring_sqe), IORING_OFF_SQES));
        offsets_ = parameters;
        at(parameters.sq_off.array) = 0;
    }
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    ~Ring() {
        munmap(rings_, size_);
        munmap(entry_, sizeof(io_uring_sqe));
    }

    // Bytes moved, or a negative errno.
    int run(std::uint8_t operation, int fd, const void* memory, std::size_t length,
            std::uint64_t offset) {
        *entry_ = {};
        entry_->opcode = operation;
        entry_->fd = fd;
        entry_->addr = address(memory);
        entry_->len = static_cast<std::uint32_t>(length);
        entry_->off = offset;
        std::atomic_ref(at(offsets_.sq_off.tail)).fetch_add(1);
        if (syscall(SYS_io_uring_enter, fd_.get(), 1, 1, IORING_ENTER_GETEVENTS, nullptr, 0) != 1)
            throw_errno("unable to run an operation by io_uring");
        const std::uint32_t head = std::atomic_ref(at(offsets_.cq_off.head)).fetch_add(1);
        const auto* const results = reinterpret_cast<io_uring_cqe*>(rings_ + offsets_.cq_off.cqes);
        return results[head & at(offsets_.cq_off.ring_mask)].res;
    }

private:
    void* map(std::size_t size, std::uint64_t offset) const {
        void* const result = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                                  fd_.get(), static_cast<off_t>(offset));
        if (result == MAP_FAILED)
            throw_errno("unable to map a ring");
        return result;
    }
    std::uint32_t& at(std::uint32_t offset) const {
        return *reinterpret_cast<std::uint32_t*>(rings_ + offset);
    }

    Fd fd_;
    io_uring_params offsets_{};
    std::size_t size_ = 0;
    std::uint8_t* rings_ = nullptr;
    io_uring_sqe* entry_ = nullptr;
};

} // namespace

class IoUring : public KernelTest {
protected:
    static constexpr std::size_t length = 65536;
    static constexpr int all = static_cast<int>(length);
    TestDevice device;
    Ring ring;
};

// A WRITE's payload is read, in pieces and as a whole; after the answer it is stale.
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

// A READ is filled; one that was put back meanwhile is not, and has to be filled anew.
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
