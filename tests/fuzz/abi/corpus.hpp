// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/fuzz/abi/mutation.hpp"
#include "tests/fuzz/abi/program.hpp"

namespace userblk::fuzz {

// Programs worth to be varied: those of a folder, and those found to lead somewhere new.
class Corpus {
public:
    // Every file of the folder is a program. Throws std::runtime_error, with the file's name.
    explicit Corpus(const std::string& folder);

    struct Entry {
        Program program;
        std::vector<std::uint64_t> edges; // that it covered when it came in
    };
    void add(Program program, std::vector<std::uint64_t> edges);
    void set_edges(std::size_t i, std::vector<std::uint64_t> edges);
    std::size_t size() const { return entries_.size(); }
    const Program& operator[](std::size_t i) const { return entries_[i].program; }
    // The newer half as often as all together.
    const Program& any(Random& random) const;

    // Few programs that together lead to every place that the corpus leads to.
    std::vector<Program> distilled() const;

private:
    std::vector<Entry> entries_;
};

} // namespace userblk::fuzz
