// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace userblk {

/// Internal: caches which pages of a file mapping are in memory: it queries the
/// system once per page, not each time.
///
/// A page that has gone since (swapped out, or punched by another process) counts as
/// present until forget_all(). Touching it then costs time, or memory for zeros, but
/// is never incorrect.
///
/// Thread-safe. Uses one bit per page, in memory allocated as bits are set.
class ResidentPages {
public:
    static constexpr std::size_t page = 4096;

    /// @p mapping is page-aligned and outlives the object.
    /// @throws std::system_error
    explicit ResidentPages(std::span<std::byte> mapping);
    ResidentPages(const ResidentPages&) = delete;
    ResidentPages& operator=(const ResidentPages&) = delete;
    ~ResidentPages();

    /// Whether every page of the range is in memory.
    bool contain(std::uint64_t offset, std::size_t length) noexcept {
        const auto first = offset / page, last = (offset + length - 1) / page;
        return known(first, last) || find(first, last);
    }
    /// Marks the range as in memory, or about to be.
    void add(std::uint64_t offset, std::size_t length) noexcept {
        const auto first = offset / page, last = (offset + length - 1) / page;
        if (!known(first, last))
            set(first, last);
    }
    /// Marks the range as possibly not in memory.
    void remove(std::uint64_t offset, std::uint64_t length) noexcept;
    /// Clears all marks.
    void forget_all() noexcept;

private:
    using Word = std::atomic<std::uint64_t>;
    static constexpr std::uint64_t bits = 64; ///< per word

    // The bits for the pages first … last, all in one word.
    static constexpr std::uint64_t mask_of(std::uint64_t first, std::uint64_t last) noexcept {
        return (~0ULL >> (bits - 1 - (last - first))) << (first % bits);
    }
    // Calls what(index, mask) for each word of the pages first … last.
    template <class Call>
    static void for_each_word(std::uint64_t first, std::uint64_t last, Call&& what);

    bool known(std::uint64_t first, std::uint64_t last) const noexcept {
        if (first / bits != last / bits)
            return all_known(first, last);
        const auto mask = mask_of(first, last); // the common case
        return (words_[first / bits].load(std::memory_order_relaxed) & mask) == mask;
    }
    bool all_known(std::uint64_t first, std::uint64_t last) const noexcept;
    bool find(std::uint64_t first, std::uint64_t last) noexcept;
    bool ask(std::uint64_t first, std::uint64_t last) const noexcept;
    void set(std::uint64_t first, std::uint64_t last) noexcept;

    std::span<std::byte> mapping_;
    std::size_t bytes_; ///< size of words_
    Word* words_;       ///< own mapping
};

} // namespace userblk
