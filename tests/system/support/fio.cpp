// SPDX-License-Identifier: MIT
#include "tests/system/support/fio.hpp"

#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>

namespace userblk::test {

namespace {

// One operation as fio logged it, in ms of the epoch.
struct Operation {
    double begin;
    double end;
};

std::vector<Operation> read_latencies(const std::string& path) {
    std::ifstream in(path);
    EXPECT_TRUE(in.is_open()) << "fio left no " << path;
    std::vector<Operation> result;
    // "end in ms, latency in ns, direction, size, …"
    double end, latency;
    char comma;
    for (std::string rest; in >> end >> comma >> latency && std::getline(in, rest);)
        result.push_back({end - latency / 1e6, end});
    return result;
}

double in_ms(std::chrono::system_clock::time_point time) {
    return std::chrono::duration<double, std::milli>(time.time_since_epoch()).count();
}

std::string log_of(const FioJob& job) {
    return job.latency_log + "_lat.1.log";
}

} // namespace

Arguments fio_command(const FioJob& job) {
    Arguments argv{"fio", "--name=job", "--thread", "--eta=never"};
    const auto set = [&](const std::string& option, const std::string& value) {
        argv.push_back("--" + option + "=" + value);
    };
    set("filename", job.target);
    set("rw", job.pattern);
    set("bs", job.block);
    set("size", job.size);
    set("ioengine", job.engine);
    set("iodepth", std::to_string(job.depth));
    set("direct", job.direct ? "1" : "0");
    set("verify", "crc32c");
    set("verify_fatal", "1");
    set("randrepeat", "0");
    if (job.runtime.count()) {
        // Verify along the way, and not only when the time is over.
        set("verify_backlog", "1000");
        set("time_based", "1");
        set("runtime", std::to_string(job.runtime.count()));
    }
    if (!job.latency_log.empty()) {
        set("write_lat_log", job.latency_log);
        set("log_unix_epoch", "1");
    }
    return argv;
}

void verify_with_fio(const FioJob& job) {
    succeed(fio_command(job), 4 * patience);
}

bool Fio::await_traffic(const TestDevice& device) {
    const bool taken = eventually([&] {
        const userblk_info now = info(device.control());
        return !running() || (now.taken && now.writes > 100);
    });
    EXPECT_TRUE(taken && running())
        << "fio sends no requests: " << program_.out() << program_.err();
    return taken && running();
}

void Fio::finish() {
    const Outcome outcome = program_.wait(job_.runtime + 4 * patience);
    EXPECT_EQ(outcome.status, 0) << outcome.text();
}

std::vector<double> Fio::pauses(const std::vector<Blow>& blows) const {
    std::vector<double> result;
    for (const Blow& blow : blows)
        if (blow.met)
            result.push_back(longest_during(blow.from, blow.to));
    return result;
}

double Fio::longest_during(std::chrono::system_clock::time_point from,
                           std::chrono::system_clock::time_point to) const {
    double longest = 0;
    for (const Operation& operation : read_latencies(log_of(job_)))
        if (operation.begin <= in_ms(to) && operation.end >= in_ms(from))
            longest = std::max(longest, operation.end - operation.begin);
    return longest;
}

} // namespace userblk::test
