// SPDX-License-Identifier: MIT
#pragma once

#include "bench/ublk/data_path.hpp"
#include "bench/ublk/ring.hpp"

#include <cstdint>
#include <span>

namespace userblk::bench::ublk {

/// The requests of one queue with UBLK_F_BATCH_IO: one command announces all tags, one that stays
/// delivers the tags of several requests with each of its results, and one answers several. For
/// the thread of the ring.
class Batches {
public:
    /// For requests of @p queue, at most @p most of them in one delivery. The ring must outlive it.
    /// @throws std::system_error
    Batches(Ring& ring, unsigned queue, unsigned depth, unsigned most, DataMode mode);

    /// Announces all tags, with the addresses of their first requests, and asks for requests.
    /// The results come with these user_data:
    static constexpr std::uint64_t announced = std::uint64_t(1) << 32;
    static constexpr std::uint64_t delivered = std::uint64_t(2) << 32;
    static constexpr std::uint64_t answered = std::uint64_t(3) << 32; ///< failures only
    void begin(const DataPath& data) noexcept;

    /// Asks again, after a result that was the command's last.
    void fetch() noexcept;

    /// The tags in a result, valid until give_back().
    std::span<const std::uint16_t> tags(const io_uring_cqe& result) const noexcept;
    void give_back(const io_uring_cqe& result) noexcept;

    /// An answer, which leaves with the next submission after commit().
    void add(unsigned tag, const DataPath::Answer& answer) noexcept;
    void commit() noexcept;

private:
    void offer(unsigned buffer) noexcept;
    void send(unsigned operation, unsigned count, std::uint64_t user_data) noexcept;

    Ring& ring_;
    unsigned queue_;
    unsigned depth_;
    unsigned most_;
    bool has_addresses_;
    std::size_t element_size_;
    unsigned ready_ = 0;     ///< elements to send
    std::uint16_t tail_ = 0; ///< of the buffers offered to the kernel
    Mapping elements_;       ///< BatchElement, and an address
    Mapping memory_;         ///< the ring of buffers
    Mapping tags_;           ///< the buffers, of most_ tags each
    std::span<io_uring_buf> offered_;
};

} // namespace userblk::bench::ublk
