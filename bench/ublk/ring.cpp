// SPDX-License-Identifier: MIT
#include "bench/ublk/ring.hpp"

#include "bench/ublk/system.hpp"

#include <cerrno>
#include <string>

namespace userblk::bench::ublk {

Ring::Ring(unsigned entries, unsigned flags, std::initializer_list<int> files) {
    if (const int result = io_uring_queue_init(entries, &ring_, flags); result < 0)
        throw_error("set up an io_uring of " + std::to_string(entries) + " entries", -result);
    // Saves each call the look-up of the ring's descriptor; optional.
    io_uring_register_ring_fd(&ring_);
    const int result =
        io_uring_register_files(&ring_, files.begin(), static_cast<unsigned>(files.size()));
    if (result < 0) {
        io_uring_queue_exit(&ring_);
        throw_error("register files with an io_uring", -result);
    }
}

Ring::~Ring() {
    io_uring_queue_exit(&ring_);
}

void Ring::make_buffer_table(unsigned count) {
    if (const int result = io_uring_register_buffers_sparse(&ring_, count); result < 0)
        throw_error("make room for " + std::to_string(count) + " buffers in an io_uring", -result);
}

void Ring::register_buffer_ring(std::span<io_uring_buf> ring) {
    io_uring_buf_reg request{};
    request.ring_addr = reinterpret_cast<std::uintptr_t>(ring.data());
    request.ring_entries = static_cast<__u32>(ring.size());
    if (const int result = io_uring_register_buf_ring(&ring_, &request, 0); result < 0)
        throw_error("register a ring of buffers with an io_uring", -result);
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
