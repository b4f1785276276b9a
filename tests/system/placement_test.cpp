// SPDX-License-Identifier: MIT
//
// Where workers run and how they wait, beyond the defaults: the options take effect, and change
// nothing else.
#include <fstream>
#include <sched.h>

#include "tests/system/support/fio.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class Placement : public SystemTest {
protected:
    static constexpr std::uint64_t size = 32 << 20;

    static userblk_config two_queues() {
        auto config = full_config(size);
        config.queues = 2;
        return config;
    }
    // The rest of the line that begins with these words.
    static std::string field(const std::string& path, const std::string& words) {
        std::ifstream file(path);
        for (std::string line; std::getline(file, line);)
            if (line.rfind(words, 0) == 0)
                return line.substr(words.size());
        return {};
    }
    // How many threads of the processes may run on exactly these CPUs, such as "1".
    static int threads_on(const std::vector<pid_t>& pids, const std::string& processors) {
        int found = 0;
        for (const pid_t pid : pids)
            for (const pid_t thread : threads_of(pid))
                found += field("/proc/" + std::to_string(thread) + "/status",
                               "Cpus_allowed_list:\t") == processors;
        return found;
    }
    static bool all_scheduled_as(int policy, const Supervisor& serve) {
        const auto workers = serve.workers();
        for (const pid_t pid : workers)
            for (const pid_t thread : threads_of(pid))
                if (::sched_getscheduler(thread) != policy)
                    return false;
        return !workers.empty();
    }
    // One worker thread per queue, on the CPUs that feed it.
    static bool shared_out(const TestDevice& device, const Supervisor& serve) {
        return eventually([&] {
            for (const char* const queue : {"0", "1"}) {
                const auto list = "/sys/block/" + device.name() + "/mq/" + queue + "/cpu_list";
                if (threads_on(serve.workers(), field(list, "")) != 1)
                    return false;
            }
            return true;
        });
    }
};

// Two queues, two workers: each runs on the CPUs that feed its queue, and so do their replacements.
TEST_F(Placement, PinnedWorkersShareTheQueuesOut) {
    TestDevice device(two_queues());
    ASSERT_EQ(info(device.control()).config.queues, 2u);
    Supervisor serve(device, "mem:", 2, {"--pin", "--wait", "serve", "--spares", "0"});
    EXPECT_TRUE(shared_out(device, serve));
    verify_with_fio({.target = device.block_path(), .size = "2m"});
    serve.kill_workers();
    EXPECT_TRUE(answers(device));
    EXPECT_TRUE(shared_out(device, serve));
    serve.stop();
}

// Of several workers or threads, each waits its turn for a CPU when it wakes up, and so do
// replacements; a single worker has its supervisor's policy, and so have all if requested.
TEST_F(Placement, OneOfSeveralWorkersDisplacesNobody) {
    // By default workers that may preempt others do so now and then.
    const std::vector<std::string> unprivileged{"--user", "nobody"};
    struct Case {
        int workers;
        std::vector<std::string> options;
        int policy;
    };
    const Case cases[] = {
        {2, unprivileged, SCHED_BATCH},
        {1, unprivileged, SCHED_OTHER},
        {1, {"--threads", "2", "--user", "nobody"}, SCHED_BATCH},
        {2, {"--scheduling", "normal"}, SCHED_OTHER},
        {1, {"--scheduling", "batch", "--user", "nobody"}, SCHED_BATCH},
        {1, {"--scheduling", "fifo", "--user", "nobody"}, SCHED_FIFO},
        {2, {"--scheduling", "fifo"}, SCHED_FIFO},
    };
    TestDevice device(two_queues());
    for (const auto& [workers, options, policy] : cases) {
        SCOPED_TRACE(testing::PrintToString(options) + " " + std::to_string(workers));
        Supervisor serve(device, "mem:", workers, options);
        EXPECT_TRUE(answers(device));
        EXPECT_TRUE(eventually([&] { return all_scheduled_as(policy, serve); }));
        EXPECT_EQ(::sched_getscheduler(serve.pid()), SCHED_OTHER);
        serve.kill_workers();
        EXPECT_TRUE(answers(device));
        EXPECT_TRUE(eventually([&] { return all_scheduled_as(policy, serve); }));
        serve.stop();
    }
}

// Without permission for such a policy, the message names the permission, and nobody serves.
TEST_F(Placement, PreemptingOthersNeedsPermission) {
    TestDevice device(two_queues());
    const Outcome outcome =
        run({"setpriv", "--bounding-set", "-sys_nice", "--inh-caps", "-sys_nice",
             built("userblkctl"), "serve", device.name(), "mem:", "--scheduling", "fifo"});
    EXPECT_EQ(outcome.status, 1) << outcome.text();
    EXPECT_NE(outcome.err.find("SCHED_FIFO"), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find("CAP_SYS_NICE"), std::string::npos) << outcome.err;
}

// A policy set on the supervisor is left alone.
TEST_F(Placement, AGivenPolicyStays) {
    TestDevice device(two_queues());
    const sched_param lowest{.sched_priority = 1};
    ASSERT_EQ(::sched_setscheduler(0, SCHED_RR, &lowest), 0);
    Supervisor serve(device, "mem:", 2, {"--scheduling", "batch"});
    const sched_param none{};
    ASSERT_EQ(::sched_setscheduler(0, SCHED_OTHER, &none), 0);
    EXPECT_TRUE(answers(device));
    EXPECT_TRUE(eventually([&] { return all_scheduled_as(SCHED_RR, serve); }));
    serve.stop();
}

// Workers that spin before they sleep serve like others, and die like others.
TEST_F(Placement, SpinningWorkersServe) {
    TestDevice device(two_queues());
    Supervisor serve(device, "mem:", 2, {"--spin", "--wait", "serve"});
    verify_with_fio({.target = device.block_path(), .size = "2m", .depth = 1});
    serve.kill_workers();
    verify_with_fio({.target = device.block_path(), .size = "2m"});
    serve.stop();
}

// Spinning before poll makes no sense: it is refused, with what would make sense.
TEST_F(Placement, SpinningNeedsServe) {
    TestDevice device(two_queues());
    const auto result = run(
        {built("userblkctl"), "serve", device.block_path(), "mem:", "--spin", "--wait", "poll"});
    EXPECT_EQ(result.status, 2);
    EXPECT_NE(result.err.find("--wait=serve"), std::string::npos) << result.err;
}

// A spinning worker that preempts others would starve them.
TEST_F(Placement, SpinningDoesNotDisplaceOthers) {
    TestDevice device(two_queues());
    const auto result = run({built("userblkctl"), "serve", device.block_path(), "mem:", "--spin",
                             "--scheduling", "fifo"});
    EXPECT_EQ(result.status, 2);
    EXPECT_NE(result.err.find("exclude each other"), std::string::npos) << result.err;
}

} // namespace userblk::test
