// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/fuzz/abi/mutation.hpp"
#include "tests/fuzz/abi/program.hpp"

namespace userblk::fuzz {

// Programs to mutate: those of a directory, and those found to cover something new.
class Corpus {
public:
    // Every file of the directory is a program. Throws std::runtime_error with the file's name.
    explicit Corpus(const std::string& folder);

    struct Entry {
        Program program;
        std::vector<std::uint64_t> edges; // covered when it was added
    };
    void add(Program program, std::vector<std::uint64_t> edges);
    void set_edges(std::size_t i, std::vector<std::uint64_t> edges);
    std::size_t size() const { return entries_.size(); }
    const Program& operator[](std::size_t i) const { return entries_[i].program; }
    // Half of the picks are from the newer half, the others from all.
    const Program& any(Random& random) const;

    // A few programs that together cover everything that the corpus covers.
    std::vector<Program> distilled() const;

private:
    std::vector<Entry> entries_;
};

} // namespace userblk::fuzz
