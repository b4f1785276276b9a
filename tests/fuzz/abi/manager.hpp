// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>

#include "tests/fuzz/abi/channel.hpp"
#include "tests/fuzz/abi/fuzzer.hpp"
#include "tests/fuzz/abi/shared.hpp"
#include "tests/fuzz/abi/targets.hpp"

namespace userblk::fuzz {

struct Task {
    std::string name;
    bool privileged;
    // What the process does; throws Finding.
    std::function<void(Fuzzer&)> run;
};

// Runs a task in a separate process and does what that process may lack the privileges for: creates
// and removes the devices, writes the results to the directory (NAME.journal, what was run since
// the devices were created; corpus/; NAME.finding, to be replayed), and checks that the process
// makes progress.
class Manager {
public:
    Manager(std::string folder, Shared& shared) : folder_(std::move(folder)), shared_(shared) {}

    // Whether no fault was found; otherwise reports it on standard error.
    bool run(const Task& task);

private:
    bool monitor(const Task& task, Channel& channel, int process);
    bool answer(const Task& task, Channel& channel, const Message& message);
    bool makes_progress();
    void write_program(const std::string& kind, const std::string& text);
    bool report(const Task& task, const std::string& what);

    std::string folder_;
    Shared& shared_;
    std::uint64_t last_calls_ = 0;
    std::chrono::steady_clock::time_point last_step_;
};

} // namespace userblk::fuzz
