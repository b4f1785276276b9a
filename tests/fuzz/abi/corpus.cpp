// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/corpus.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <queue>
#include <stdexcept>
#include <unordered_set>

#include "tests/fuzz/abi/text.hpp"

namespace userblk::fuzz {

Corpus::Corpus(const std::string& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".txt")
            files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
        std::ifstream in(file);
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        try {
            entries_.push_back({to_program(text), {}});
        } catch (const std::runtime_error& error) {
            throw std::runtime_error(file.string() + ": " + error.what());
        }
    }
}

void Corpus::add(Program program, std::vector<std::uint64_t> edges) {
    entries_.push_back({std::move(program), std::move(edges)});
}

void Corpus::set_edges(std::size_t i, std::vector<std::uint64_t> edges) {
    entries_[i].edges = std::move(edges);
}

const Program& Corpus::any(Random& random) const {
    const std::size_t n = entries_.size();
    const std::size_t from = random() % 2 ? n / 2 : 0;
    return entries_[from + random() % (n - from)].program;
}

namespace {

using Pcs = std::vector<std::uint32_t>;

// The program counters that the edges lead to.
Pcs pcs_of(const Corpus::Entry& entry) {
    Pcs pcs;
    for (const std::uint64_t edge : entry.edges)
        pcs.push_back(static_cast<std::uint32_t>(edge));
    std::sort(pcs.begin(), pcs.end());
    pcs.erase(std::unique(pcs.begin(), pcs.end()), pcs.end());
    return pcs;
}

// How many new program counters the program adds, per call.
double worth_of(const Pcs& pcs, std::size_t calls,
                const std::unordered_set<std::uint32_t>& covered) {
    const auto fresh = std::count_if(pcs.begin(), pcs.end(),
                                     [&](std::uint32_t pc) { return !covered.contains(pc); });
    return static_cast<double>(fresh) / static_cast<double>(4 + calls);
}

} // namespace

// Greedy: the program that adds most comes next. A program's worth only falls, so that most need
// not be recomputed.
std::vector<Program> Corpus::distilled() const {
    std::priority_queue<std::pair<double, std::size_t>> left;
    std::unordered_set<std::uint32_t> covered;
    std::vector<Pcs> pcs;
    const auto worth = [&](std::size_t i) {
        return worth_of(pcs[i], entries_[i].program.calls.size(), covered);
    };
    for (std::size_t i = 0; i < entries_.size(); i++) {
        pcs.push_back(pcs_of(entries_[i]));
        left.emplace(worth(i), i);
    }
    std::vector<Program> result;
    while (!left.empty()) {
        const std::size_t i = left.top().second;
        left.pop();
        const double now = worth(i);
        if (now <= 0)
            continue;
        if (!left.empty() && now < left.top().first) {
            left.emplace(now, i);
            continue;
        }
        covered.insert(pcs[i].begin(), pcs[i].end());
        result.push_back(entries_[i].program);
    }
    return result;
}

} // namespace userblk::fuzz
