// SPDX-License-Identifier: MIT
#include "bench/ublk/ring.hpp"

#include "bench/ublk/system.hpp"

#include <cerrno>

namespace userblk::bench::ublk {

Ring::Ring(unsigned entries, unsigned flags, int fd) {
    if (const int result = io_uring_queue_init(entries, &ring_, flags); result < 0)
        throw_error("set up an io_uring of " + std::to_string(entries) + " entries", -result);
    // Saves each call the look-up of the ring's descriptor; optional.
    io_uring_register_ring_fd(&ring_);
    try {
        register_file(fd);
    } catch (...) {
        io_uring_queue_exit(&ring_);
        throw;
    }
}

Ring::~Ring() {
    io_uring_queue_exit(&ring_);
}

void Ring::register_file(int fd) {
    if (const int result = io_uring_register_files(&ring_, &fd, 1); result < 0)
        throw_error("register a file with an io_uring", -result);
}

void Ring::submit(unsigned results) {
    int result = 0;
    do
        result = io_uring_submit_and_wait(&ring_, results);
    while (result == -EINTR);
    if (result < 0)
        throw_error("send commands by an io_uring", -result);
}

} // namespace userblk::bench::ublk
