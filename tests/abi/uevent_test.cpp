// SPDX-License-Identifier: MIT
//
// Uevents: devices that come and go, requests that nobody serves, partitions found.
#include <cstring>
#include <filesystem>

#include <linux/fs.h>
#include <sys/wait.h>

#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"
#include "tests/support/uevents.hpp"

namespace userblk::test {

class Uevent : public KernelTest {};

class Partitions : public KernelTest {
protected:
    // A store with a table in the old format: sectors 2048 … 6143, and 8192 … 16383.
    static Store partitioned_store() {
        Store store = make_store(default_size);
        const auto entry = [&](std::size_t index, std::uint32_t first, std::uint32_t count) {
            std::uint8_t* at = store.data() + 446 + 16 * index;
            at[4] = 0x83;
            for (int i = 0; i < 4; i++) {
                at[8 + i] = static_cast<std::uint8_t>(first >> (8 * i));
                at[12 + i] = static_cast<std::uint8_t>(count >> (8 * i));
            }
        };
        entry(0, 2048, 4096);
        entry(1, 8192, 8192);
        store[510] = 0x55;
        store[511] = 0xaa;
        return store;
    }
    static userblk_config scanned() {
        userblk_config config = test_config();
        config.flags = 0;
        return config;
    }
    static std::string partition(const TestDevice& device, int number) {
        return "/sys/block/" + device.name() + "/" + device.name() + "p" + std::to_string(number);
    }
};

TEST_F(Uevent, DevicesComeAndGo) {
    Uevents events;
    TestDevice device;
    EXPECT_TRUE(events.await(device.name(), "add"));
    EXPECT_EQ(device.remove(), 0);
    EXPECT_TRUE(events.await(device.name(), "remove"));
}

// Requests wait and nobody has taken one for a while: one event, so that something can start a
// worker.
TEST_F(Uevent, ReportsWaitingRequests) {
    Uevents events;
    TestDevice device;
    device.read_many(3);
    EXPECT_TRUE(events.await(device.name(), "change", "USERBLK_EVENT=waiting"));
    // A worker takes one and leaves the rest: another event.
    take(device.control());
    EXPECT_TRUE(events.await(device.name(), "change", "USERBLK_EVENT=waiting"));
}

// Events about the queue belong to the control node, which exists with any front end: the first
// worker, requests that wait.
TEST_F(Uevent, QueueEventsComeFromTheControlNode) {
    Uevents events;
    TestDevice device(test_config(), TestDevice::Begin::not_served);
    const std::string node = "userblkc" + std::to_string(device.number());
    EXPECT_TRUE(events.await(node, "add"));
    announce_service(device.control());
    EXPECT_TRUE(events.await(node, "change", "USERBLK_EVENT=served"));
    device.read(0, 4096);
    EXPECT_TRUE(events.await(node, "change", "USERBLK_EVENT=waiting"));
    EXPECT_EQ(device.remove(), 0);
    EXPECT_TRUE(events.await(node, "remove"));
}

// Requests that were put back and that nobody takes count as waiting too.
TEST_F(Uevent, ReportsPutBackRequestsThatWait) {
    TestDevice device;
    device.read(0, 4096);
    take(device.control());
    Uevents events;
    EXPECT_EQ(reset_all(device.control()).count, 1u);
    EXPECT_TRUE(events.await(device.name(), "change", "USERBLK_EVENT=waiting"));
}

// A device without requests, or with all of them answered, sends no event. A third device, where a
// request waits, shows that enough time has passed.
TEST_F(Uevent, IdleDeviceSendsNone) {
    TestDevice fresh, served, waiting;
    const Io io = served.read(0, 4096);
    EXPECT_EQ(put(served.control(), complete(take(served.control()).id, -EIO)), 0);
    EXPECT_EQ(io->result(), EIO);
    Uevents of_fresh, of_served, of_waiting;
    for (int i = 0; i < 2; i++) {
        waiting.read(0, 4096);
        EXPECT_TRUE(of_waiting.await(waiting.name(), "change", "USERBLK_EVENT=waiting"));
        take(waiting.control());
    }
    EXPECT_EQ(of_fresh.count(fresh.name(), "change", "USERBLK_EVENT=waiting"), 0u);
    EXPECT_EQ(of_served.count(served.name(), "change", "USERBLK_EVENT=waiting"), 0u);
}

// udev probes two devices that nobody serves, and finishes.
TEST_F(Uevent, UdevIsNotHeldUpByAnUnservedDevice) {
    // Longer than a busy machine takes, shorter than udev's own limit for a program that hangs.
    allow_time(std::chrono::seconds(330));
    const auto settled = [] { return run_command({"udevadm", "settle", "--timeout=150"}).status; };
    const char* daemon = "/lib/systemd/systemd-udevd";
    const bool running = std::filesystem::exists("/run/udev/control");
    USERBLK_REQUIRES(running || !access(daemon, X_OK), daemon);
    if (running)
        settled(); // events of earlier tests
    else
        ASSERT_EQ(run_command({daemon, "--daemon"}).status, 0);
    {
        userblk_config config = test_config();
        config.flags = 0;
        TestDevice plain(test_config(), TestDevice::Begin::not_served);
        TestDevice scanned(config, TestDevice::Begin::not_served);
        EXPECT_EQ(settled(), 0);
        EXPECT_EQ(info(plain.control()).openers, 0u);
        EXPECT_EQ(info(scanned.control()).openers, 0u);
    }
    EXPECT_EQ(settled(), 0);
    if (running)
        return;
    EXPECT_EQ(run_command({"udevadm", "control", "--exit"}).status, 0);
    EXPECT_TRUE(eventually([] { return waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD; }));
}

// Creation neither waits for a worker nor submits a request.
TEST_F(Partitions, AreNotReadAtCreation) {
    TestDevice device(scanned(), TestDevice::Begin::not_served);
    EXPECT_EQ(info(device.control()).queued, 0u);
    EXPECT_FALSE(std::filesystem::exists(partition(device, 1)));
}

// Neither the first open nor an explicit rescan submits a request that nobody could answer.
TEST_F(Partitions, AreNotReadByTheFirstOpen) {
    TestDevice device(scanned(), TestDevice::Begin::not_served);
    const Fd block = open_file(device.block_path(), O_RDONLY);
    ioctl_error(block.get(), BLKRRPART, nullptr);
    EXPECT_EQ(info(device.control()).queued, 0u);
}

// The first GET triggers the scan. Its requests are served like any other; the partitions appear,
// with an event for udev.
TEST_F(Partitions, AreReadAfterTheFirstGet) {
    TestDevice device(scanned(), TestDevice::Begin::not_served);
    Store store = partitioned_store();
    Uevents events;
    Server server(device, store);
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(partition(device, 2)); }));
    EXPECT_TRUE(events.await(device.name(), "change", "USERBLK_EVENT=served"));
    EXPECT_EQ(device.sysfs("size"), std::to_string(default_size / 512));
    EXPECT_EQ(device.sysfs(device.name() + "p1/start"), "2048");
    EXPECT_EQ(device.sysfs(device.name() + "p1/size"), "4096");
    EXPECT_EQ(device.sysfs(device.name() + "p2/start"), "8192");
    EXPECT_EQ(device.sysfs(device.name() + "p2/size"), "8192");
    // A partition's first block is the device's 2048th.
    const Buffer data = pattern(4096, 1);
    EXPECT_TRUE(eventually([&] { return !access((device.block_path() + "p1").c_str(), F_OK); }));
    const Fd block = open_file(device.block_path() + "p1", O_WRONLY | O_DIRECT);
    EXPECT_EQ(pwrite(block.get(), data.data(), 4096, 0), 4096);
    EXPECT_EQ(std::memcmp(store.data() + 2048 * 512, data.data(), 4096), 0);
}

// The disk is open exclusively, as by mkfs and mount, at the first GET. No partition appears under
// the exclusive opener; udev gets its event, and a later rescan finds the partitions.
TEST_F(Partitions, AreNotReadUnderAnExclusiveOpener) {
    TestDevice device(scanned());
    Store store = partitioned_store();
    Uevents events;
    Fd alone = open_file(device.block_path(), O_RDONLY | O_EXCL);
    Server server(device, store);
    userblk_request request = record();
    get(device.control(), {&request, 1}, no_wait);
    EXPECT_TRUE(events.await(device.name(), "change", "USERBLK_EVENT=served"));
    EXPECT_FALSE(std::filesystem::exists(partition(device, 1)));
    alone.reset();
    const Fd disk = open_file(device.block_path(), O_RDONLY);
    EXPECT_EQ(ioctl_error(disk.get(), BLKRRPART, nullptr), 0);
    EXPECT_TRUE(std::filesystem::exists(partition(device, 1)));
}

// With USERBLK_F_NO_PARTITIONS the table is never read.
TEST_F(Partitions, AreNotReadWhereSwitchedOff) {
    TestDevice device;
    Store store = partitioned_store();
    Server server(device, store);
    EXPECT_EQ(device.read(0, 4096)->result(), 0);
    EXPECT_EQ(device.read(4096, 4096)->result(), 0);
    server.stop();
    EXPECT_EQ(server.seen().size(), 2u);
    EXPECT_FALSE(std::filesystem::exists(partition(device, 1)));
}

// The worker dies while it holds a read of the table: the next one completes the scan.
TEST_F(Partitions, ReadingSurvivesTheDeathOfAWorker) {
    TestDevice device(scanned(), TestDevice::Begin::not_served);
    Store store = partitioned_store();
    Child([&](ChildSide&) {
        take(device.control());
        return 0;
    }).wait();
    EXPECT_EQ(reset_dead(device.control()).count, 1u);
    Server server(device, store);
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(partition(device, 2)); }));
}

} // namespace userblk::test
