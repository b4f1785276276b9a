// SPDX-License-Identifier: MIT
//
// An administrator changes a device's I/O scheduler and its number of requests while it is in use.
// The block layer lets no new request in meanwhile and waits for those that are out.
#include "tests/support/server.hpp"
#include "tests/system/support/fio.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class Scheduler : public SystemTest {
protected:
    static std::string attribute(const TestDevice& device, const std::string& name) {
        return "/sys/block/" + device.name() + "/queue/" + name;
    }
    static int set(const TestDevice& device, const std::string& name, const std::string& value) {
        return write_setting(attribute(device, name), value);
    }
    static bool is(const TestDevice& device, const std::string& scheduler) {
        return device.sysfs("queue/scheduler").find("[" + scheduler + "]") != std::string::npos;
    }

    TestDevice device{full_config(64 * mib)};
};

// Under checked writes through all schedulers that there are, with more and with fewer requests:
// fio finds no error, and nothing is delivered twice or put back.
TEST_F(Scheduler, IsSwitchedUnderFio) {
    const auto duration = long_form() ? 60s : 3s;
    allow_time(duration + 180s);
    for (const char* module : {"bfq", "kyber-iosched", "mq-deadline"})
        run({"modprobe", "-q", module});
    Supervisor serve(device, "mem:", 2);
    EXPECT_TRUE(answers(device));
    Fio fio({.target = device.block_path(), .size = "2m", .runtime = duration});
    ASSERT_TRUE(fio.await_traffic(device));
    int switches = 0, resized = 0;
    while (fio.running()) {
        for (const char* scheduler : {"mq-deadline", "kyber", "bfq", "none"}) {
            if (!set(device, "scheduler", scheduler)) {
                EXPECT_TRUE(is(device, scheduler));
                switches++;
            }
            for (const char* requests : {"4", "64"})
                resized += !set(device, "nr_requests", requests);
        }
    }
    fio.finish();
    EXPECT_GT(switches, 1);
    EXPECT_GT(resized, 1);
    EXPECT_TRUE(is(device, "none"));
    EXPECT_EQ(info(device.control()).errors, 0u);
    EXPECT_EQ(info(device.control()).put_back, 0u);
    figure("scheduler switched / nr_requests changed under fio",
           std::to_string(switches) + " / " + std::to_string(resized));
    serve.stop();
}

struct Change {
    const char* attribute;
    const char* value;
};

class SchedulerChange : public Scheduler, public testing::WithParamInterface<Change> {
protected:
    // One who changes it while requests wait that nobody serves, and so waits with them.
    Child waiting_change() {
        Child child([this](ChildSide& side) {
            side.tell();
            return set(device, GetParam().attribute, GetParam().value);
        });
        child.await();
        EXPECT_TRUE(eventually_in_state(child.pid(), 'D'));
        return child;
    }
    // Others go on: what looks at the device, and other devices.
    void expect_others_go_on() {
        EXPECT_EQ(info(device.control()).queued, 4u);
        EXPECT_EQ(device.sysfs("userblk/queued"), "4");
        EXPECT_EQ(list_devices().size(), 1u);
        TestDevice other;
        Store store = make_store(default_size);
        Server server(other, store);
        EXPECT_EQ(other.read(0, 4096)->result(), 0);
        EXPECT_EQ(set(other, GetParam().attribute, GetParam().value), 0);
    }
};

INSTANTIATE_TEST_SUITE_P(Of, SchedulerChange,
                         testing::Values(Change{"scheduler", "mq-deadline"},
                                         Change{"nr_requests", "32"}),
                         [](const auto& about) { return std::string(about.param.attribute); });

// It ends when a worker comes.
TEST_P(SchedulerChange, WaitsForAWorker) {
    const std::vector<Io> ios = device.read_many(4);
    ASSERT_TRUE(eventually([&] { return info(device.control()).queued == 4; }));
    Child change = waiting_change();
    expect_others_go_on();
    Store store = make_store(64 * mib);
    Server server(device, store);
    EXPECT_EQ(change.wait(), 0);
    for (const Io& io : ios)
        EXPECT_EQ(io->result(), 0);
    EXPECT_NE(device.sysfs(std::string("queue/") + GetParam().attribute).find(GetParam().value),
              std::string::npos);
    EXPECT_EQ(device.read(0, 4096)->result(), 0);
}

// Or with the device: forced removal does not wait for it.
TEST_P(SchedulerChange, EndsWithTheDevice) {
    const std::vector<Io> ios = device.read_many(4);
    ASSERT_TRUE(eventually([&] { return info(device.control()).queued == 4; }));
    Child change = waiting_change();
    EXPECT_EQ(device.remove(), 0);
    change.wait();
    for (const Io& io : ios)
        EXPECT_NE(io->result(), 0);
}

} // namespace userblk::test
