// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tests/system/support/drivers.hpp"
#include "tests/system/support/program.hpp"

namespace userblk::test {

// A job for fio. It always verifies what it reads by checksum.
struct FioJob {
    std::string target{};
    std::string block = "4k";
    std::string size = "32m";
    std::string pattern = "randwrite";
    std::string engine = "libaio";
    unsigned int depth = 16;
    bool direct = true;
    std::chrono::seconds runtime{0}; // 0: once over the whole size
    std::string latency_log{};       // path without its suffix; empty: none
};

Arguments fio_command(const FioJob& job);
// Runs the job to its end; the test fails if fio found any error.
void verify_with_fio(const FioJob& job);

// fio in parallel with the test, until its time is over.
class Fio {
public:
    explicit Fio(const FioJob& job) : job_(job), program_(fio_command(job)) {}

    bool running() { return program_.running(); }
    // Waits until the device's workers hold its requests. The test fails if fio ended before.
    bool await_traffic(const TestDevice& device);
    // Waits for its end; the test fails if fio found any error.
    void finish();

    // For each blow that met requests, the longest operation of the application, in ms, that was
    // under way during it. Call after finish().
    std::vector<double> pauses(const std::vector<Blow>& blows) const;
    double longest_during(std::chrono::system_clock::time_point from,
                          std::chrono::system_clock::time_point to) const;

private:
    FioJob job_;
    Program program_;
};

} // namespace userblk::test
