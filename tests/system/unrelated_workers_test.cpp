// SPDX-License-Identifier: MIT
//
// Worker processes on one device that know nothing of each other, without a supervisor: the
// survivors put back what a dead one held.
#include <algorithm>
#include <sstream>

#include "tests/system/support/delivery_audit.hpp"
#include "tests/system/support/fio.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

enum class Kind { library, library_in_serve, bare };

std::ostream& operator<<(std::ostream& out, Kind kind) {
    const char* names[] = {"library", "library_in_serve", "bare"};
    return out << names[static_cast<int>(kind)];
}

class UnrelatedWorkers : public SystemTest, public testing::WithParamInterface<Kind> {
protected:
    static constexpr std::uint64_t size = 64 * mib;

    void SetUp() override {
        SystemTest::SetUp();
        store_ = make_file("store.img", size);
    }

    static userblk_config config() {
        userblk_config result = full_config(size);
        result.flags &= ~static_cast<std::uint64_t>(USERBLK_F_FUA); // the bare example has none
        return result;
    }

    // Workers of the library delay each request, so that they hold one when a kill comes.
    Program start(const TestDevice& device) const {
        if (GetParam() == Kind::bare)
            return Program({built("poll_get_put"), device.control_path(), store_});
        Arguments argv{built("lone_worker"), std::to_string(device.number()),
                       "delay=1ms,file:" + store_, "2"};
        if (GetParam() == Kind::library_in_serve)
            argv.push_back("serve");
        Program worker(argv);
        EXPECT_TRUE(eventually([&] { return !worker.out().empty() || !worker.running(); }));
        return worker;
    }

    // Takes requests and keeps them: never answers.
    Program start_hoarder(const TestDevice& device) const {
        return Program({built("lone_worker"), std::to_string(device.number()),
                        "delay=1h,file:" + store_, "1"});
    }

    // At any moment, or caught at one when it holds requests.
    static Program& choose_victim(const TestDevice& device, std::vector<Program>& workers,
                                  bool hold) {
        std::vector<pid_t> pids;
        for (const Program& worker : workers)
            pids.push_back(worker.pid());
        const pid_t pid = hold ? catch_holder(device, pids) : some_taker(device);
        const auto at = std::find(pids.begin(), pids.end(), pid);
        return workers[at == pids.end() ? 0 : static_cast<std::size_t>(at - pids.begin())];
    }

private:
    std::string store_;
};

INSTANTIATE_TEST_SUITE_P(Of, UnrelatedWorkers,
                         testing::Values(Kind::library, Kind::library_in_serve, Kind::bare),
                         [](const auto& about) {
                             std::ostringstream name;
                             name << about.param;
                             return name.str();
                         });

// How often a process has gone to sleep so far, summed over its threads.
std::uint64_t sleeps(pid_t pid) {
    return std::stoull(
        shell("cat /proc/$1/task/*/status | awk '/^voluntary_ctxt/ {n += $2} END {print n}'",
              {std::to_string(pid)}));
}

// Three workers are idle. A fourth holds a request and dies; there is no traffic. While nothing
// happens the three do not wake up at all, so they do not poll for deaths; the kernel's notice
// makes one of them put the request back, and the reader gets its data.
TEST_P(UnrelatedWorkers, AreNotifiedOfADeathAndDoNotScan) {
    TestDevice device(config());
    Program hoarder = start_hoarder(device);
    Io reader = device.read(0, 4096);
    ASSERT_TRUE(await_taken(device));
    std::vector<Program> workers;
    for (int i = 0; i < 3; i++)
        workers.push_back(start(device));
    std::this_thread::sleep_for(3s); // they free their memory after a second
    std::vector<std::uint64_t> before, after;
    for (const Program& worker : workers)
        before.push_back(sleeps(worker.pid()));
    std::this_thread::sleep_for(3s);
    for (const Program& worker : workers)
        after.push_back(sleeps(worker.pid()));
    EXPECT_EQ(before, after) << "they woke up for no reason";
    EXPECT_FALSE(reader->finished());
    EXPECT_EQ(info(device.control()).resets, 0u);

    hoarder.kill();
    EXPECT_EQ(reader->result(), 0);
    EXPECT_TRUE(reader->data().all(0));
    EXPECT_EQ(info(device.control()).resets, 1u) << "more than one found something to put back";
    EXPECT_EQ(info(device.control()).put_back, 1u);
}

// Four workers under verified random writes, one of them killed every second, every other time
// while it holds requests, and replaced by another unrelated one: no error, every request
// outstanding once at a time, and everything put back was delivered again.
TEST_P(UnrelatedWorkers, LoseOneEverySecondUnderFio) {
    const auto duration = in_form(60s, 5s);
    allow_time(duration + 240s);
    TestDevice device(config());
    DeliveryAudit audit;
    std::vector<Program> workers;
    for (int i = 0; i < 4; i++)
        workers.push_back(start(device));
    Fio fio({.target = device.block_path(), .runtime = duration, .latency_log = folder() + "/fio"});
    ASSERT_TRUE(fio.await_traffic(device));
    std::vector<Blow> blows;
    const auto end = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < end && fio.running()) {
        Program& victim = choose_victim(device, workers, blows.size() % 2);
        blows.push_back(strike(
            device, [&] { victim.kill(); },
            [&] {
                victim = start(device);
                std::this_thread::sleep_for(1s);
            }));
    }
    fio.finish();
    EXPECT_TRUE(await_healed(device));
    for (Program& worker : workers) {
        worker.signal(SIGTERM);
        worker.wait();
    }
    for (const std::string& complaint : audit.finish())
        ADD_FAILURE() << complaint;
    EXPECT_EQ(info(device.control()).errors, 0u);
    EXPECT_GT(count_met(blows), 0u);
    EXPECT_GE(audit.redeliveries(), audit.put_back());
    const std::string name = "unrelated workers, " + testing::PrintToString(GetParam());
    figure(name + ", deliveries followed", std::to_string(audit.deliveries()));
    figure(name + ", kills / met requests / put back",
           std::to_string(blows.size()) + " / " + std::to_string(count_met(blows)) + " / " +
               std::to_string(audit.put_back()));
    figure(name + ", pause after a kill", fio.pauses(blows));
}

} // namespace userblk::test
