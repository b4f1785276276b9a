// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/fuzzer.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>

#include <unistd.h>

#include "tests/fuzz/abi/text.hpp"

namespace userblk::fuzz {

namespace {

std::vector<std::uint64_t> sorted(std::vector<std::uint64_t> edges) {
    std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
    return edges;
}

} // namespace

Fuzzer::Fuzzer(Channel& channel, Shared& shared, const Targets& targets, Records& records,
               const ModuleMap& module, int journal)
    : channel_(channel), shared_(shared), executor_(channel, shared, targets, records),
      module_(module), journal_(journal) {}

void Fuzzer::run(const Program& program) {
    if (executor_.wants_renewal()) {
        executor_.renew();
        if (ftruncate(journal_, 0))
            test::throw_errno("unable to cut the journal");
    }
    const std::string text = to_text(program) + std::string(divider);
    if (write(journal_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        test::throw_errno("unable to write the journal");
    executor_.run(program);
}

Fuzzer::Edges Fuzzer::edges() const {
    Edges all;
    for (const auto trace : executor_.traces()) {
        const Edges some = Coverage::edges_of(trace);
        all.insert(all.end(), some.begin(), some.end());
    }
    return sorted(std::move(all));
}

Fuzzer::Edges Fuzzer::learn() {
    Edges fresh;
    for (const auto trace : executor_.traces()) {
        const Edges some = coverage_.add(trace);
        fresh.insert(fresh.end(), some.begin(), some.end());
    }
    shared_.edges = coverage_.edges();
    return sorted(std::move(fresh));
}

bool Fuzzer::still_reaches(const Program& program, const Edges& wanted) {
    run(program);
    learn();
    const Edges reached = edges();
    return std::includes(reached.begin(), reached.end(), wanted.begin(), wanted.end());
}

// Keeps a program that covers something new, and not just by chance, without the calls that it does
// not need.
void Fuzzer::try_new(Corpus& corpus, Program program) {
    run(program);
    Edges fresh = learn();
    if (fresh.empty())
        return;
    run(program);
    learn();
    Edges again = edges(), wanted;
    std::set_intersection(fresh.begin(), fresh.end(), again.begin(), again.end(),
                          std::back_inserter(wanted));
    if (wanted.empty())
        return;
    for (std::size_t i = program.calls.size(); i-- && program.calls.size() > 1;) {
        Program shorter = program;
        shorter.calls.erase(shorter.calls.begin() + static_cast<std::ptrdiff_t>(i));
        if (!still_reaches(shorter, wanted))
            continue;
        program = std::move(shorter);
        again = edges();
    }
    channel_.send('C', to_text(program));
    corpus.add(std::move(program), std::move(again));
    shared_.corpus = corpus.size();
}

void Fuzzer::sum_up() {
    const auto functions = module_.count(coverage_.pcs());
    std::snprintf(shared_.covered, sizeof(shared_.covered), "%s", described(functions).c_str());
    channel_.send('U', list_of(functions));
}

void Fuzzer::fuzz(Corpus& corpus, const Bounds& bounds) {
    const auto end = std::chrono::steady_clock::now() + bounds.time;
    Random random(bounds.seed);
    shared_.corpus = corpus.size();
    for (std::size_t i = 0; i < corpus.size(); i++) {
        run(corpus[i]);
        learn();
        corpus.set_edges(i, edges());
    }
    while (shared_.runs < bounds.runs && std::chrono::steady_clock::now() < end) {
        if (random() % 16 == 0) {
            try_new(corpus, random_program(random));
            continue;
        }
        Program program = corpus.any(random);
        mutate(program, corpus.any(random), random);
        try_new(corpus, std::move(program));
    }
    executor_.leave();
    sum_up();
    for (const Program& program : corpus.distilled())
        channel_.send('K', to_text(program));
}

void Fuzzer::replay(const std::vector<Program>& programs, unsigned int times) {
    for (unsigned int i = 0; i < times; i++)
        for (const Program& program : programs) {
            run(program);
            learn();
        }
    executor_.leave();
    sum_up();
}

} // namespace userblk::fuzz
