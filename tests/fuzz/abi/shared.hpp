// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "ioctl/userblk_ioctl.h"
#include "tests/fuzz/abi/program.hpp"

namespace userblk::fuzz {

// A taken request. `instance` tells apart devices with the same number.
struct Taken {
    userblk_request request;
    std::uint64_t instance;
};

inline constexpr std::size_t errors = 134; // errno values, 0 for success

// The results of the calls and their counts, in memory shared with children and the manager.
struct Shared {
    static Shared& make();

    // Called by any process that makes calls.
    void count(Kind kind, int error);
    void note(const Taken& taken);
    void note_created(std::uint32_t number);
    // The nth one taken, if it is still known.
    bool find(std::uint64_t n, Taken& one);
    // Keeps the first text.
    void complain(const std::string& text);

    std::atomic<std::uint64_t> runs, edges, corpus, pairs, calls;
    std::atomic<std::uint32_t> counts[kinds][errors];
    std::atomic<std::uint32_t> answers[6][errors]; // by action, then by the result of each answer

    static constexpr std::size_t room = 1024;
    std::atomic<std::uint64_t> taken_count;
    Taken taken[room];
    static constexpr std::size_t most_created = 16;
    std::atomic<std::uint32_t> created_count;
    std::uint32_t created[most_created];

    char covered[200]; // as text
    std::atomic<bool> complained;
    char complaint[512];

private:
    std::atomic_flag lock_;
};

} // namespace userblk::fuzz
