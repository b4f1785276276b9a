// SPDX-License-Identifier: MIT
//
// A fuzzer for the whole interface of the module: see --help and scripts/fuzz-abi.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "tests/fuzz/abi/corpus.hpp"
#include "tests/fuzz/abi/manager.hpp"
#include "tests/fuzz/abi/statistics.hpp"
#include "tests/fuzz/abi/text.hpp"
#include "tests/support/kernel_module.hpp"

namespace userblk::fuzz {

namespace {

struct Options {
    std::string as = "both";
    std::string corpus = USERBLK_FUZZ_CORPUS;
    std::string file;
    int seconds = 10;
    unsigned int times = 1;
    Bounds bounds;
};

std::string folder() {
    const char* share = std::getenv("USERBLK_VM_SHARE");
    return std::string(share ? share : "/tmp") + "/fuzz-abi";
}

void print_summary(const std::string& name, const Shared& shared) {
    std::cout << "as " << name << ": " << shared.runs << " runs of " << shared.calls << " calls on "
              << shared.pairs << " pairs of devices, " << shared.taken_count << " requests taken; "
              << shared.corpus << " programs in the corpus\n";
    if (shared.edges)
        std::cout << "  covered " << shared.edges << " edges, " << shared.covered << '\n';
    std::cout << histogram(shared) << std::flush;
}

bool run_as(const std::string& name, const std::function<void(Fuzzer&)>& what, bool judged) {
    Shared& shared = Shared::make();
    Manager manager(folder(), shared);
    const bool privileged = name == "root";
    bool well = manager.run({name, privileged, what});
    print_summary(name, shared);
    const std::string missing = judged && well ? what_is_missing(shared, privileged) : "";
    if (!missing.empty())
        std::cerr << "fuzz_abi: as " << name << ": " << missing << '\n';
    return well && missing.empty();
}

bool fuzz(const std::string& name, const Options& options) {
    return run_as(
        name,
        [&](Fuzzer& fuzzer) {
            Corpus corpus(options.corpus);
            fuzzer.fuzz(corpus, options.bounds);
        },
        true);
}

bool replay(const std::string& name, const Options& options) {
    std::ifstream in(options.file);
    if (!in)
        throw std::runtime_error("unable to read " + options.file);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::vector<Program> programs = to_programs(text);
    return run_as(
        name, [&](Fuzzer& fuzzer) { fuzzer.replay(programs, options.times); }, false);
}

int run(int argc, char** argv) {
    Options options;
    CLI::App app("Runs programs of calls to the userblk module at random, guided by what they "
                 "cover where the kernel tells that.");
    app.add_option("--as", options.as, "root, worker (without privilege) or both")
        ->check(CLI::IsMember({"root", "worker", "both"}));
    app.add_option("--time", options.seconds, "seconds, for each of them");
    app.add_option("--runs", options.bounds.runs, "programs, for each of them");
    app.add_option("--seed", options.bounds.seed, "where chance begins");
    app.add_option("--corpus", options.corpus, "folder of programs to begin with");
    CLI::App* again = app.add_subcommand("replay", "run the programs of a file, in order");
    again->add_option("FILE", options.file)->required();
    again->add_option("--times", options.times, "how often");
    again->fallthrough();
    CLI11_PARSE(app, argc, argv);
    options.bounds.time = std::chrono::seconds(options.seconds);

    if (const std::string problem = test::module_loaded() ? "" : test::load_module();
        !problem.empty())
        throw std::runtime_error("unable to load the module: " + problem);
    bool well = true;
    for (const std::string name : {"root", "worker"})
        if (options.as == "both" || options.as == name)
            well = well && (*again ? replay(name, options) : fuzz(name, options));
    if (const std::string problem = well ? test::unload_module() : ""; !problem.empty())
        throw std::runtime_error("unable to unload the module: " + problem);
    return well ? 0 : 1;
}

} // namespace

} // namespace userblk::fuzz

int main(int argc, char** argv) {
    try {
        return userblk::fuzz::run(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << "fuzz_abi: " << error.what() << '\n';
        return 1;
    }
}
