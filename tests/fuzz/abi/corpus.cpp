// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/corpus.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
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

// Greedy: always the one next that adds most for each of its calls.
std::vector<Program> Corpus::distilled() const {
    std::vector<const Entry*> left;
    for (const Entry& entry : entries_)
        left.push_back(&entry);
    std::unordered_set<std::uint64_t> covered;
    std::vector<Program> result;
    for (;;) {
        const Entry* best = nullptr;
        double most = 0;
        for (const Entry* entry : left) {
            const auto fresh =
                std::count_if(entry->edges.begin(), entry->edges.end(),
                              [&](std::uint64_t edge) { return !covered.contains(edge); });
            const double worth =
                static_cast<double>(fresh) / static_cast<double>(4 + entry->program.calls.size());
            if (worth > most) {
                most = worth;
                best = entry;
            }
        }
        if (!best)
            return result;
        covered.insert(best->edges.begin(), best->edges.end());
        result.push_back(best->program);
        std::erase(left, best);
    }
}

} // namespace userblk::fuzz
