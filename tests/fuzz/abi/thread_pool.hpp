// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/fuzz/abi/call_buffers.hpp"
#include "tests/fuzz/abi/coverage.hpp"

namespace userblk::fuzz {

// Threads for calls that may block or are to run concurrently.
class ThreadPool {
public:
    using Task = std::function<void(CallBuffers&)>;

    // One thread per record, which receives the thread's coverage.
    explicit ThreadPool(std::span<const std::unique_ptr<Kcov>> records);
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;
    ~ThreadPool(); // waits for all tasks

    // Whether a thread was free for the task.
    bool start(Task task);
    bool idle();
    // The same, but waits briefly, so that the task may get to the point where it blocks.
    bool start_and_wait(Task task);

private:
    struct Member {
        std::thread thread;
        CallBuffers buffers;
        Task task; // the current one
    };
    void work(Member& member, Kcov& record);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::unique_ptr<Member>> members_;
    bool over_ = false;
};

} // namespace userblk::fuzz
