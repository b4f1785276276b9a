// SPDX-License-Identifier: MIT
//
// Where in the module a thread went, as the kernel tells (KCOV). On kernels that cannot tell,
// nothing is ever covered.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_set>
#include <vector>

#include "tests/support/fd.hpp"

namespace userblk::fuzz {

// The record of one thread at a time.
class Kcov {
public:
    // Where debugfs can be read: before privileges are dropped.
    Kcov();
    Kcov(const Kcov&) = delete;
    Kcov& operator=(const Kcov&) = delete;
    ~Kcov();

    static bool available();

    // For the calling thread, until it ends.
    void attach();
    void clear();
    std::span<const std::uint64_t> trace() const;

private:
    test::Fd fd_;
    std::uint64_t* area_ = nullptr;
};

// All that was covered: places, and steps from one place to the next.
class Coverage {
public:
    // The steps that were new.
    std::vector<std::uint64_t> add(std::span<const std::uint64_t> trace);
    std::size_t edges() const { return edges_.size(); }
    const std::unordered_set<std::uint64_t>& places() const { return places_; }

    // The steps of a trace, as numbers.
    static std::vector<std::uint64_t> edges_of(std::span<const std::uint64_t> trace);

private:
    std::unordered_set<std::uint64_t> edges_;
    std::unordered_set<std::uint64_t> places_;
};

} // namespace userblk::fuzz
