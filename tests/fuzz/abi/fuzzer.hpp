// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "tests/fuzz/abi/corpus.hpp"
#include "tests/fuzz/abi/executor.hpp"
#include "tests/fuzz/abi/module_map.hpp"

namespace userblk::fuzz {

struct Bounds {
    std::chrono::seconds time{10};
    std::uint64_t runs = UINT64_MAX;
    std::uint64_t seed = 1;
};

// Runs the programs of the corpus, then mutations of them. Reports to the manager: C, a program
// that covered something new; K, one of the few that cover everything; U, what none covered.
class Fuzzer {
public:
    // journal: a file that always holds everything that was run on the current devices.
    Fuzzer(Channel& channel, Shared& shared, const Targets& targets, Records& records,
           const ModuleMap& module, int journal);

    // These throw Finding.
    void fuzz(Corpus& corpus, const Bounds& bounds);
    void replay(const std::vector<Program>& programs, unsigned int times);

private:
    using Edges = std::vector<std::uint64_t>; // sorted and unique

    void run(const Program& program);
    // Of the last program.
    Edges edges() const;
    Edges learn();
    void try_new(Corpus& corpus, Program program);
    void sum_up();
    bool still_reaches(const Program& program, const Edges& wanted);

    Channel& channel_;
    Shared& shared_;
    Executor executor_;
    const ModuleMap& module_;
    Coverage coverage_;
    int journal_;
};

} // namespace userblk::fuzz
