// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <liburing.h>

namespace userblk::bench {

/// An io_uring for reads and writes of one file.
class Ring {
public:
    /// @throws std::system_error
    explicit Ring(unsigned depth);
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    ~Ring();

    /// Sent by the next submit_and_wait(); @p tag comes back with its result.
    void prepare(bool write, int fd, void* data, unsigned length, std::uint64_t offset,
                 unsigned tag) noexcept;

    /// Sends the prepared requests and waits for at least one result.
    /// @throws std::system_error
    void submit_and_wait();

    /// Calls @p call(tag, result) for each available result.
    template <class Call>
    void for_each_result(Call&& call) {
        io_uring_cqe* entry = nullptr;
        unsigned head = 0, count = 0;
        io_uring_for_each_cqe(&ring_, head, entry) {
            call(static_cast<unsigned>(entry->user_data), entry->res);
            ++count;
        }
        io_uring_cq_advance(&ring_, count);
    }

private:
    io_uring ring_{};
};

} // namespace userblk::bench
