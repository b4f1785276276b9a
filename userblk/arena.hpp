// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <vector>

namespace userblk {

/// Internal: one thread's memory for payloads. Its pages are taken as they are
/// touched, so that a device with large transfers costs nothing until it has some.
///
/// It has two parts: rooms, into which a GET puts the payloads of writes, one for
/// each record of a batch; and a heap, from which the data of reads, and the
/// payload of a write that did not fit its room, are taken until they are answered.
class Arena {
public:
    /// Of a record's room; only the first record has one for a whole transfer. A
    /// batch of large writes is rare, and costs one more call for each.
    static constexpr std::size_t small_room = 16 << 10;

    /// @throws std::system_error
    Arena(std::size_t max_transfer, unsigned records);
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    ~Arena();

    std::span<std::byte> room(unsigned record) const noexcept;

    /// @p length bytes, at most max_transfer; empty: free_all() first.
    std::span<std::byte> allocate(std::size_t length) noexcept;
    void free_all() noexcept { used_ = 0; }

    /// Tells that a record's room was filled with @p length bytes.
    void filled(unsigned record, std::size_t length) noexcept {
        if (length <= filled_[record])
            return;
        touched_rooms_ += length - filled_[record];
        filled_[record] = length;
    }

    /// At most so many bytes have been touched since the last trim().
    std::size_t touched() const noexcept { return touched_rooms_ + touched_heap_; }

    /// Takes all of the memory now, not as it is touched.
    std::error_code populate() noexcept;

    /// Gives the memory back to the system, unless it is locked; what is in it is
    /// lost.
    void trim() noexcept;

private:
    std::span<std::byte> memory_;
    std::vector<std::size_t> filled_; ///< of each room, at most
    std::size_t touched_rooms_ = 0;
    std::size_t touched_heap_ = 0;
    std::size_t max_transfer_;
    std::size_t heap_;     ///< where it begins
    std::size_t used_ = 0; ///< of the heap
};

} // namespace userblk
