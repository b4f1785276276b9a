// SPDX-License-Identifier: MIT
#include "tests/system/support/drivers.hpp"

#include <algorithm>
#include <csignal>

#include <gtest/gtest.h>

#include "tests/support/process.hpp"

namespace userblk::test {

using namespace std::chrono_literals;

bool answers(const TestDevice& device) {
    // Until a worker asks for requests the device is empty, and reading nothing is no answer.
    return eventually([&] { return info(device.control()).state == USERBLK_STATE_SERVED; }) &&
           !run({"dd", "if=" + device.block_path(), "of=/dev/null", "bs=4096", "count=1",
                 "iflag=direct", "status=none"})
                .status;
}

namespace {

Arguments serve_command(const std::string& program, const TestDevice& device,
                        const std::string& spec, unsigned int workers, const Arguments& options) {
    Arguments argv{program, "serve",     std::to_string(device.number()),
                   spec,    "--workers", std::to_string(workers)};
    argv.insert(argv.end(), options.begin(), options.end());
    return argv;
}

} // namespace

Supervisor::Supervisor(const TestDevice& device, const std::string& spec, unsigned int workers,
                       const Arguments& options, const std::string& program)
    : program_(serve_command(program, device, spec, workers, options)) {
    EXPECT_TRUE(eventually([&] {
        return this->workers().size() >= workers || !program_.running();
    })) << program_.err();
    EXPECT_TRUE(program_.running()) << program_.err();
}

void Supervisor::kill_all() {
    const std::vector<pid_t> all = workers();
    program_.kill();
    kill_each(all);
}

void Supervisor::stop() {
    program_.signal(SIGTERM);
    const Outcome outcome = program_.wait(2 * patience);
    EXPECT_EQ(outcome.status, 0) << outcome.text();
}

std::size_t count_met(const std::vector<Blow>& blows) {
    return static_cast<std::size_t>(
        std::count_if(blows.begin(), blows.end(), [](const Blow& blow) { return blow.met; }));
}

bool await_taken(const TestDevice& device, std::chrono::milliseconds limit) {
    return eventually([&] { return info(device.control()).taken > 0; }, limit);
}

pid_t some_taker(const TestDevice& device) {
    std::vector<userblk_taken> taken;
    eventually([&] { return !(taken = taken_list(device.control())).empty(); }, 1s);
    return taken.empty() ? 0 : taken.front().pid;
}

pid_t catch_holder(const TestDevice& device, const std::vector<pid_t>& pids) {
    for (int attempt = 0; attempt < 50; attempt++)
        for (const pid_t pid : pids) {
            ::kill(pid, SIGSTOP);
            eventually_in_state(pid, 'T');
            for (const userblk_taken& taken : taken_list(device.control()))
                if (taken.pid == pid)
                    return pid;
            ::kill(pid, SIGCONT);
        }
    return 0;
}

bool await_healed(const TestDevice& device) {
    return eventually([&] { return info(device.control()).orphaned == 0; });
}

} // namespace userblk::test
