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
    bool contain(std::uint64_t offset, std::size_t length) noexcept;
    /// Says that the range is in memory, or is about to be.
    void add(std::uint64_t offset, std::size_t length) noexcept;
    /// Says that the range may not be in memory any more.
    void remove(std::uint64_t offset, std::uint64_t length) noexcept;
    /// Nothing is known any more.
    void forget_all() noexcept;

private:
    using Word = std::atomic<std::uint64_t>;

    bool known(std::uint64_t first, std::uint64_t last) const noexcept;
    bool ask(std::uint64_t first, std::uint64_t last) const noexcept;
    void set(std::uint64_t first, std::uint64_t last) noexcept;

    std::span<std::byte> mapping_;
    std::size_t bytes_; ///< of words_
    Word* words_;       ///< a mapping of its own
};

} // namespace userblk
