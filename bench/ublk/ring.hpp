// SPDX-License-Identifier: MIT
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <liburing.h>
#include <span>

namespace userblk::bench::ublk {

/// An io_uring that carries commands to one file, and reads and writes to another. Only for the
/// thread that creates it.
class Ring {
public:
    /// @p flags are IORING_SETUP_…; commands go to the first of @p files, I/O to the second.
    /// @throws std::system_error
    Ring(unsigned entries, unsigned flags, std::initializer_list<int> files);
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    ~Ring();

    /// Makes room for @p count registered buffers, which the driver provides.
    /// @throws std::system_error
    void make_buffer_table(unsigned count);

    /// Gives the kernel a ring, from which it takes buffers of group 0.
    /// @throws std::system_error
    void register_buffer_ring(std::span<io_uring_buf> ring);

    /// Sent with the next submission; @p user_data comes back with its result. There must be room:
    /// at most the ring's entries between two submissions. The caller may fill in the rest of the
    /// entry: the fields before the command.
    template <class Command>
    io_uring_sqe& prepare(unsigned operation, const Command& command,
                          std::uint64_t user_data) noexcept {
        auto& entry = next_entry();
        std::memset(&entry, 0, offsetof(io_uring_sqe, cmd));
        entry.opcode = IORING_OP_URING_CMD;
        entry.flags = IOSQE_FIXED_FILE; // file 0
        entry.cmd_op = operation;
        entry.user_data = user_data;
        std::memcpy(reinterpret_cast<std::byte*>(&entry) + offsetof(io_uring_sqe, cmd), &command,
                    sizeof(command));
        return entry;
    }

    /// A read, write or fdatasync of the second file; likewise.
    io_uring_sqe& prepare_io(io_uring_op operation, void* data, unsigned length,
                             std::uint64_t offset, std::uint64_t user_data) noexcept {
        auto& entry = next_entry();
        io_uring_prep_rw(operation, &entry, 1, data, length, offset);
        entry.flags = IOSQE_FIXED_FILE; // file 1
        entry.user_data = user_data;
        return entry;
    }

    /// Sends what is prepared and, in the same system call, waits until @p results of it have
    /// completed (0: does not wait).
    /// @throws std::system_error
    void submit(unsigned results);

    /// Calls @p call(result) for the available results until it has returned @p most in total.
    template <class Call>
    void take_results(Call&& call, unsigned most) {
        io_uring_cqe* entry = nullptr;
        unsigned head = 0, count = 0, taken = 0;
        io_uring_for_each_cqe(&ring_, head, entry) {
            if (taken >= most)
                break;
            ++count;
            taken += call(*entry);
        }
        io_uring_cq_advance(&ring_, count);
    }

    /// Calls @p call(user_data, result) for all available results.
    template <class Call>
    void for_each_result(Call&& call) {
        take_results(
            [&](const io_uring_cqe& entry) {
                call(entry.user_data, entry.res);
                return 0U;
            },
            UINT_MAX);
    }

private:
    io_uring_sqe& next_entry() noexcept {
        auto* const entry = io_uring_get_sqe(&ring_);
        if (entry == nullptr)
            std::abort(); // the caller broke its promise
        return *entry;
    }

    io_uring ring_{};
};

} // namespace userblk::bench::ublk
