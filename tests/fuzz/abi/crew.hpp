// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/fuzz/abi/arena.hpp"
#include "tests/fuzz/abi/coverage.hpp"

namespace userblk::fuzz {

// Threads for what may take its time, or is to happen meanwhile.
class Crew {
public:
    using Task = std::function<void(Arena&)>;

    // One thread for each of the records, which tell where it went.
    explicit Crew(std::span<const std::unique_ptr<Kcov>> records);
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;
    ~Crew(); // waits for all

    // Whether somebody was free to do it.
    bool start(Task task);
    bool idle();
    // As before, or after a short while in which the task may have come to its wait.
    bool start_and_look(Task task);

private:
    struct Member {
        std::thread thread;
        Arena arena;
        Task task; // what it is at
    };
    void work(Member& member, Kcov& record);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::unique_ptr<Member>> members_;
    bool over_ = false;
};

} // namespace userblk::fuzz
