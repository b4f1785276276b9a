// SPDX-License-Identifier: MIT
//
// The code of the module that a thread ran, as KCOV reports it. On kernels without KCOV nothing is
// ever covered.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_set>
#include <vector>

#include "tests/support/fd.hpp"

namespace userblk::fuzz {

// Records the coverage of one thread at a time.
class Kcov {
public:
    // Needs debugfs: create it before privileges are dropped.
    Kcov();
    Kcov(const Kcov&) = delete;
    Kcov& operator=(const Kcov&) = delete;
    ~Kcov();

    static bool available();

    // Records the calling thread until it exits.
    void attach();
    void clear();
    std::span<const std::uint64_t> trace() const;

private:
    test::Fd fd_;
    std::uint64_t* area_ = nullptr;
};

// All coverage so far: program counters, and edges from one to the next.
class Coverage {
public:
    // Returns the edges that are new.
    std::vector<std::uint64_t> add(std::span<const std::uint64_t> trace);
    std::size_t edges() const { return edges_.size(); }
    const std::unordered_set<std::uint64_t>& pcs() const { return pcs_; }

    // The edges of a trace, as numbers.
    static std::vector<std::uint64_t> edges_of(std::span<const std::uint64_t> trace);

private:
    std::unordered_set<std::uint64_t> edges_;
    std::unordered_set<std::uint64_t> pcs_;
};

} // namespace userblk::fuzz
