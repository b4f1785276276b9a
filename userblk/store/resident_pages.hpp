// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace userblk {

/// Internal: which pages of a mapping of a file are in memory, as far as this
/// process has seen: the system is asked once per page, not each time.
///
/// A page that went meanwhile (swapped out, or punched by another process) is
/// still said to be there until forget_all(). Touching it then costs time, or memory
/// for zeros; it is never wrong.
///
/// For any number of threads. One bit per page, in memory that is taken as bits
/// are set.
class ResidentPages {
public:
    static constexpr std::size_t page = 4096;

    /// @p mapping begins on a page and outlives the object.
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
    /// Says that the range is in memory, or is about to be.
    void add(std::uint64_t offset, std::size_t length) noexcept {
        const auto first = offset / page, last = (offset + length - 1) / page;
        if (!known(first, last))
            set(first, last);
    }
    /// Says that the range may not be in memory any more.
    void remove(std::uint64_t offset, std::uint64_t length) noexcept;
    /// Nothing is known any more.
    void forget_all() noexcept;

private:
    using Word = std::atomic<std::uint64_t>;
    static constexpr std::uint64_t bits = 64; ///< of a word

    // The bits of one word for the pages first … last, which lie in it.
    static constexpr std::uint64_t mask_of(std::uint64_t first, std::uint64_t last) noexcept {
        return (~0ULL >> (bits - 1 - (last - first))) << (first % bits);
    }
    // Calls what with each word's index and mask for the pages first … last.
    template <class Call>
    static void for_each_word(std::uint64_t first, std::uint64_t last, Call&& what);

    bool known(std::uint64_t first, std::uint64_t last) const noexcept {
        if (first / bits != last / bits)
            return all_known(first, last);
        const auto mask = mask_of(first, last); // as for most requests
        return (words_[first / bits].load(std::memory_order_relaxed) & mask) == mask;
    }
    bool all_known(std::uint64_t first, std::uint64_t last) const noexcept;
    bool find(std::uint64_t first, std::uint64_t last) noexcept;
    bool ask(std::uint64_t first, std::uint64_t last) const noexcept;
    void set(std::uint64_t first, std::uint64_t last) noexcept;

    std::span<std::byte> mapping_;
    std::size_t bytes_; ///< of words_
    Word* words_;       ///< a mapping of its own
};

} // namespace userblk
