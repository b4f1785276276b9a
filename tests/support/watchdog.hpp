// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace userblk::test {

// Prints the stack of every thread of a process on standard error.
void show_process(const std::string& pid);

// A test that hangs must not hang the run: at the limit this prints all stacks, force-removes all
// devices and exits the process.
class Watchdog {
public:
    explicit Watchdog(std::string test);
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;
    ~Watchdog();

    // Grants more time, counted from now.
    void extend(std::chrono::seconds limit);

private:
    void watch();

    std::string test_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::chrono::steady_clock::time_point end_;
    bool over_ = false;
    std::thread thread_;
};

} // namespace userblk::test
