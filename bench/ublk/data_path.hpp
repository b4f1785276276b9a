// SPDX-License-Identifier: MIT
//
// How a request's data get from the block layer's pages to the target and back. What the driver of
// Linux 6.12 (drivers/block/ublk_drv.c) does with the address in a command, and therefore what is
// legal:
//
// - The address in FETCH or COMMIT_AND_FETCH belongs to the tag, and is given before the
//   tag's next request is known. A WRITE's data are copied there before the server sees the
//   request (__ublk_rq_task_work, ublk_map_io).
// - COMMIT_AND_FETCH takes over its new address first, and then completes: the data of a
//   READ is taken from the address in the very command that answers it (ublk_fill_io_cmd
//   before ublk_commit_completion, which calls ublk_unmap_io). So a READ could be answered
//   right out of the store – but the address stays, and were the tag's next request a
//   WRITE, its data would land on what had just been read. Therefore in ordinary mode both
//   directions need the tag's own buffer, and a second copy.
// - UBLK_F_NEED_GET_DATA: the server sees a WRITE first, and gives the address with another
//   command. The tag's address is not used, so a READ may be answered straight from the
//   store and a WRITE copied into it: one copy, but a second round trip for a WRITE.
// - UBLK_F_USER_COPY: no addresses; the server moves the data itself, by pread(2) and
//   pwrite(2) on /dev/ublkcN: one copy, but a system call per request. These cannot use the
//   ring: the file has no non-blocking mode, so io_uring would hand them to a thread.
//   Requests without data need no call.
//
// And of Linux 7.3:
//
// - UBLK_F_AUTO_BUF_REG: the pages of each request become a buffer of the io_uring that fetched
//   it, for reads and writes of a disk; the server never sees the data. No copy at all.
// - UBLK_F_SHMEM_ZC, with any of the others: a request whose pages belong to memory that server and
//   client share names their place there, and the driver copies nothing: one copy, by the server.
#pragma once

#include "bench/ublk/abi.hpp"
#include "bench/ublk/device.hpp"
#include "bench/ublk/target.hpp"

#include <cstdint>

namespace userblk::bench::ublk {

enum class DataMode {
    buffer,    ///< the driver copies from and to a buffer of each tag
    get_data,  ///< the driver copies from and to the store, after asking for the address
    user_copy, ///< the server copies from and to the store
    registered ///< nobody copies: a disk reads and writes the pages of the request
};

/// The UBLK_F_… that the mode requires.
std::uint64_t flags_of(DataMode mode) noexcept;

/// The tags of a queue that one of @p step tasks serves, from @p first on.
struct Tags {
    unsigned first = 0;
    unsigned step = 1;
    unsigned depth = 0; ///< of the queue

    unsigned count() const noexcept { return (depth - first + step - 1) / step; }
    /// The place of a tag among them.
    unsigned slot(unsigned tag) const noexcept { return tag / step; }
    template <class Call>
    void for_each(Call&& call) const {
        for (unsigned tag = first; tag < depth; tag += step)
            call(tag);
    }
};

/// The data of one task's requests. For a single thread.
class DataPath {
public:
    /// The answer to the driver.
    struct Answer {
        std::int32_t result;
        std::uint64_t address;
    };

    /// The device, the target and the memory @p shared with clients (which may be empty) must
    /// outlive it.
    /// @throws std::system_error
    DataPath(DataMode mode, const Device& device, const Target& target, const Mapping& shared,
             unsigned queue, const Tags& tags);

    /// The address in a tag's first command.
    std::uint64_t first_address(unsigned tag) const noexcept;

    /// The address to which the driver copies the data of a WRITE.
    std::uint64_t room(unsigned tag, const ublksrv_io_desc& request) const noexcept;

    /// Where a disk reads and writes the data of a request; as an offset, if in a registered
    /// buffer.
    std::byte* io_address(unsigned tag, const ublksrv_io_desc& request) const noexcept;

    /// Carries a request out, other than a disk's reads, writes and flushes.
    Answer carry_out(unsigned tag, const ublksrv_io_desc& request) const noexcept;

private:
    std::byte* buffer(unsigned tag) const noexcept {
        return buffers_.data() + tags_.slot(tag) * max_io_;
    }
    std::byte* shared_place(const ublksrv_io_desc& request) const noexcept;
    std::byte* place(unsigned tag, const ublksrv_io_desc& request) const noexcept;
    bool copy(unsigned tag, const ublksrv_io_desc& request, std::size_t length) const noexcept;
    Answer move(unsigned tag, const ublksrv_io_desc& request) const noexcept;

    DataMode mode_;
    const Target& target_;
    std::byte* shared_; ///< nullptr: none
    int fd_;
    unsigned queue_;
    Tags tags_;
    std::size_t max_io_;
    Mapping buffers_;
};

} // namespace userblk::bench::ublk
