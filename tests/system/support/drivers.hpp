// SPDX-License-Identifier: MIT
//
// Processes that serve a device, to be killed by the tests.
#pragma once

#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "tests/support/test_device.hpp"
#include "tests/system/support/program.hpp"

namespace userblk::test {

// Whether the device answers a read of its first block.
bool answers(const TestDevice& device);

// "userblkctl serve" in the foreground, with its workers.
class Supervisor {
public:
    Supervisor(const TestDevice& device, const std::string& spec, unsigned int workers = 4,
               const Arguments& options = {}, const std::string& program = built("userblkctl"));

    pid_t pid() const { return program_.pid(); }
    std::vector<pid_t> workers() const { return children_of(program_.pid()); }
    // SIGKILL to all workers, spares included.
    void kill_workers() const { kill_each(workers()); }
    // SIGKILL to the supervisor and then to all workers: no process is left.
    void kill_all();
    // By SIGTERM; the test fails unless it exits cleanly.
    void stop();
    Program& program() { return program_; }

private:
    Program program_;
};

// One kill, or a reload: whatever was under way between its beginning and its end had to survive
// it.
struct Blow {
    std::chrono::system_clock::time_point from, to;
    bool met = false; // a process that held requests was killed
};

// Carries out a kill and finds out whether it met taken requests: whether any were put back.
// `healed` waits until somebody has had the chance to do so.
template <class Kill, class Healed>
Blow strike(const TestDevice& device, Kill&& kill, Healed&& healed) {
    const std::uint64_t before = info(device.control()).put_back;
    Blow blow{std::chrono::system_clock::now(), {}};
    kill();
    blow.to = std::chrono::system_clock::now();
    healed();
    blow.met = info(device.control()).put_back != before;
    return blow;
}

std::size_t count_met(const std::vector<Blow>& blows);

// If there is traffic, waits until requests are held; returns whether any were.
bool await_taken(const TestDevice& device, std::chrono::milliseconds limit = patience);
// A process that holds requests now, if one appears within a moment; otherwise 0.
pid_t some_taker(const TestDevice& device);
// Stops one of the processes at a moment when it holds requests, and returns it; 0 if none was
// caught.
pid_t catch_holder(const TestDevice& device, const std::vector<pid_t>& pids);
// Waits until no dead process holds anything.
bool await_healed(const TestDevice& device);

// For random moments.
class Dice {
public:
    explicit Dice(unsigned int seed = 2009) : engine_(seed) {}
    unsigned int below(unsigned int limit) {
        return std::uniform_int_distribution<unsigned int>(0, limit - 1)(engine_);
    }
    void sleep_up_to(std::chrono::milliseconds limit) {
        std::this_thread::sleep_for(
            std::chrono::milliseconds(below(static_cast<unsigned int>(limit.count()))));
    }

private:
    std::mt19937 engine_;
};

} // namespace userblk::test
