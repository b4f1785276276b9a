// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/worker/payload_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <vector>

namespace userblk {

/// Internal: one thread's memory for payloads. Pages are allocated on first touch, so a
/// large max_transfer costs nothing until there are large requests.
///
/// There are two parts: one buffer per record of a batch, into which GET copies the payload
/// of a write; and a heap, which holds the data of reads, and payloads of writes that did
/// not fit their buffer, until the answer is sent.
class PayloadBuffers {
public:
    /// Size of a record's buffer, in bytes; only the first record's buffer holds a whole
    /// transfer. A batch of large writes is rare, and costs one more call for each.
    static constexpr std::size_t small_buffer = 16 << 10;

    /// @throws std::system_error
    PayloadBuffers(std::size_t max_transfer, unsigned records);
    PayloadBuffers(const PayloadBuffers&) = delete;
    PayloadBuffers& operator=(const PayloadBuffers&) = delete;

    std::span<std::byte> buffer(unsigned record) const noexcept;

    /// @p length bytes, at most max_transfer; empty: no room, call free_all() first.
    std::span<std::byte> allocate(std::size_t length) noexcept;
    void free_all() noexcept { used_ = 0; }

    /// Records that @p length bytes were copied into a record's buffer.
    void filled(unsigned record, std::size_t length) noexcept {
        if (length <= filled_[record])
            return;
        touched_buffers_ += length - filled_[record];
        filled_[record] = length;
    }

    /// An upper bound of the bytes touched since the last trim().
    std::size_t touched() const noexcept { return touched_buffers_ + touched_heap_; }

    /// Allocates all pages now instead of on first touch.
    std::error_code preload() noexcept { return memory_.preload(); }

    /// Returns the memory to the system, unless it is locked. Its contents are lost.
    void trim() noexcept;

private:
    PayloadMemory memory_;
    std::vector<std::size_t> filled_; ///< per buffer, an upper bound
    std::size_t touched_buffers_ = 0;
    std::size_t touched_heap_ = 0;
    std::size_t max_transfer_;
    std::size_t heap_;     ///< its start
    std::size_t used_ = 0; ///< bytes of the heap in use
};

} // namespace userblk
