// SPDX-License-Identifier: MIT
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <liburing.h>

namespace userblk::bench::ublk {

/// An io_uring that carries commands to one file. Only for the thread that creates it.
class Ring {
public:
    /// @p flags are IORING_SETUP_…
    /// @throws std::system_error
    Ring(unsigned entries, unsigned flags, int fd);
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    ~Ring();

    /// Sent with the next submission; @p user_data comes back with its result. There must be room:
    /// at most the ring's entries between two submissions.
    template <class Command>
    void prepare(unsigned operation, const Command& command, std::uint64_t user_data) noexcept {
        auto* const entry = io_uring_get_sqe(&ring_);
        if (entry == nullptr)
            std::abort(); // the caller broke its promise
        std::memset(entry, 0, offsetof(io_uring_sqe, cmd));
        entry->opcode = IORING_OP_URING_CMD;
        entry->flags = IOSQE_FIXED_FILE; // file 0, the only one
        entry->cmd_op = operation;
        entry->user_data = user_data;
        std::memcpy(reinterpret_cast<std::byte*>(entry) + offsetof(io_uring_sqe, cmd), &command,
                    sizeof(command));
    }

    /// Sends the prepared commands and, in the same system call, waits until @p results of them
    /// have completed (0: does not wait).
    /// @throws std::system_error
    void submit(unsigned results);

    /// Calls @p call(user_data, result) for the available results, @p most at most.
    template <class Call>
    void for_each_result(Call&& call, unsigned most = UINT_MAX) {
        io_uring_cqe* entry = nullptr;
        unsigned head = 0, count = 0;
        io_uring_for_each_cqe(&ring_, head, entry) {
            if (count == most)
                break;
            ++count;
            call(entry->user_data, entry->res);
        }
        io_uring_cq_advance(&ring_, count);
    }

private:
    void register_file(int fd);

    io_uring ring_{};
};

} // namespace userblk::bench::ublk
