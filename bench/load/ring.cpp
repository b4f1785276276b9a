// SPDX-License-Identifier: MIT
#include "bench/load/ring.hpp"

#include "ioctl/error.hpp"

namespace userblk::bench {

Ring::Ring(unsigned depth) {
    if (const int result = io_uring_queue_init(depth, &ring_, 0); result < 0)
        abi::throw_error("set an io_uring up", abi::errno_code(-result));
}

Ring::~Ring() {
    io_uring_queue_exit(&ring_);
}

void Ring::prepare(bool write, int fd, void* data, unsigned length, std::uint64_t offset,
                   unsigned tag) noexcept {
    io_uring_sqe* const entry = io_uring_get_sqe(&ring_); // never more than depth in flight
    if (write)
        io_uring_prep_write(entry, fd, data, length, offset);
    else
        io_uring_prep_read(entry, fd, data, length, offset);
    entry->user_data = tag;
}

void Ring::submit_and_wait() {
    int result = 0;
    do
        result = io_uring_submit_and_wait(&ring_, 1);
    while (result == -EINTR);
    if (result < 0)
        abi::throw_error("submit requests", abi::errno_code(-result));
}

} // namespace userblk::bench
