// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace userblk {

/// The place of one operation of an AsyncBackend: memory for its coroutines. Each function of
/// an AsyncBackend gets one, and passes it on to every Task that it awaits:
///
///     Task<> read(Slot& slot, std::uint64_t offset, std::span<std::byte> data) override {
///         if (const auto error = co_await send(slot, offset, data.size()))
///             co_return error;
///         co_return co_await receive(slot, data);
///     }
///
/// The memory stays with the slot from one operation to the next, and grows to what the largest
/// needed: a thread that is warm allocates nothing.
///
/// For one thread. Frames are freed in any order, but a slot only reuses their memory in the
/// reverse order of their creation, or when the last one is free.
class Slot {
public:
    Slot() noexcept = default;
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot();

    /// Aligned to 16 bytes. @throws std::bad_alloc
    void* allocate(std::size_t size);
    /// Frees what allocate() of any slot returned; the slot must still exist.
    static void free(void* memory) noexcept;

    /// Bytes kept for the next operation.
    std::size_t capacity() const noexcept { return capacity_; }

private:
    struct Header {
        Slot* slot;
        std::uint32_t begin; ///< within the slot
        std::uint32_t size;  ///< of its part of the slot, this header included
    };

    std::byte* extra(std::size_t total);
    void free(const Header& header, std::byte* memory) noexcept;
    void grow() noexcept;

    std::byte* memory_ = nullptr;
    std::uint32_t capacity_ = 0;
    std::uint32_t used_ = 0;   ///< may exceed the capacity: the rest is allocated elsewhere
    std::uint32_t most_ = 0;   ///< the largest value of used_
    std::uint32_t frames_ = 0; ///< not freed yet
};

} // namespace userblk
