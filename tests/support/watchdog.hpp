// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace userblk::test {

// Where every thread of a process stands, on standard error.
void show_process(const std::string& pid);

// A test that hangs must not hang the run: after the limit this says where everybody stands,
// removes all devices by force and ends the process.
class Watchdog {
public:
    explicit Watchdog(std::string test);
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;
    ~Watchdog();

    // More time, counted from now.
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
