// SPDX-License-Identifier: MIT
#include "userblk/store/resident_pages.hpp"

#include "ioctl/error.hpp"

#include <algorithm>
#include <array>
#include <sys/mman.h>

namespace userblk {

template <class Call>
void ResidentPages::for_each_word(std::uint64_t first, std::uint64_t last, Call&& what) {
    while (first <= last) {
        const auto end = std::min(last, first | (bits - 1));
        what(first / bits, mask_of(first, end));
        first = end + 1;
    }
}

ResidentPages::ResidentPages(std::span<std::byte> mapping)
    : mapping_(mapping), bytes_((mapping.size() / page / bits + 1) * sizeof(Word)) {
    void* const words = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (words == MAP_FAILED)
        abi::throw_errno("map memory for the page bitmap of a store");
    words_ = static_cast<Word*>(words); // zeroed: no bit is set
}

ResidentPages::~ResidentPages() {
    ::munmap(words_, bytes_);
}

bool ResidentPages::find(std::uint64_t first, std::uint64_t last) noexcept {
    if (!ask(first, last))
        return false;
    set(first, last);
    return true;
}

void ResidentPages::remove(std::uint64_t offset, std::uint64_t length) noexcept {
    for_each_word(offset / page, (offset + length - 1) / page,
                  [&](std::uint64_t word, std::uint64_t mask) {
                      // Reading alone does not allocate a page of words.
                      if ((words_[word].load(std::memory_order_relaxed) & mask) != 0)
                          words_[word].fetch_and(~mask, std::memory_order_relaxed);
                  });
}

void ResidentPages::forget_all() noexcept {
    ::madvise(words_, bytes_, MADV_DONTNEED); // the words then read as zeros
}

bool ResidentPages::all_known(std::uint64_t first, std::uint64_t last) const noexcept {
    bool all = true;
    for_each_word(first, last, [&](std::uint64_t word, std::uint64_t mask) {
        all = all && (words_[word].load(std::memory_order_relaxed) & mask) == mask;
    });
    return all;
}

bool ResidentPages::ask(std::uint64_t first, std::uint64_t last) const noexcept {
    std::array<unsigned char, 2048> resident; // for the largest transfer, twice
    const auto count = last - first + 1;
    if (count > resident.size() ||
        ::mincore(mapping_.data() + first * page, count * page, resident.data()) < 0)
        return false;
    return std::all_of(resident.begin(), resident.begin() + static_cast<std::ptrdiff_t>(count),
                       [](unsigned char flags) { return (flags & 1) != 0; });
}

void ResidentPages::set(std::uint64_t first, std::uint64_t last) noexcept {
    for_each_word(first, last, [&](std::uint64_t word, std::uint64_t mask) {
        words_[word].fetch_or(mask, std::memory_order_relaxed);
    });
}

} // namespace userblk
