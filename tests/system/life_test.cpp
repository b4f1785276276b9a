// SPDX-License-Identifier: MIT
//
// Devices appear and go, many at once, through the tools.
#include <algorithm>
#include <cstring>
#include <filesystem>

#include "tests/system/support/drivers.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class Life : public SystemTest {
protected:
    static std::string create(const Arguments& options) {
        Arguments argv{built("userblkctl"), "create"};
        argv.insert(argv.end(), options.begin(), options.end());
        const std::string out = succeed(argv);
        return out.substr(0, out.find('\n'));
    }
};

// Many devices, each served by its own processes, are written and read at the same time; each keeps
// its own data. They are removed in random order, and their drivers exit on their own.
TEST_F(Life, OfManyDevicesAtOnce) {
    allow_time(300s);
    const int count = in_form(16, 8);
    std::vector<std::string> paths;
    std::vector<Program> drivers;
    for (int i = 0; i < count; i++) {
        paths.push_back(create({"--size", "4M", "--name", "many-" + std::to_string(i)}));
        drivers.push_back(
            Program({built("userblkctl"), "serve", paths.back(), "mem:", "--workers", "2"}));
    }
    for (const std::string& path : paths)
        succeed({built("userblkctl"), "wait", path, "--timeout", "60s"}, 3 * patience);
    std::vector<Program> users;
    for (int i = 0; i < count; i++)
        users.push_back(Program(
            {"bash", "-euc",
             R"(yes "$2" | dd of="$1" bs=64k count=16 iflag=fullblock oflag=direct status=none
                                    for i in 1 2; do dd if="$1" bs=64k count=16 iflag=direct status=none | uniq | cmp -n 8 - <(echo "$2"); done)",
             "user", paths[static_cast<std::size_t>(i)], "device " + std::to_string(i)}));
    for (Program& user : users)
        EXPECT_EQ(user.wait(3 * patience).status, 0) << user.err();
    std::vector<std::size_t> order(paths.size());
    for (std::size_t i = 0; i < order.size(); i++)
        order[i] = i;
    std::shuffle(order.begin(), order.end(), std::mt19937(16));
    for (const std::size_t i : order) {
        succeed({built("userblkctl"), "remove", "many-" + std::to_string(i)});
        EXPECT_EQ(drivers[i].wait().status, 0) << drivers[i].err();
        EXPECT_FALSE(std::filesystem::exists(paths[i]));
    }
}

// Create and remove, repeatedly: each time the same number is assigned, and nothing is left behind.
TEST_F(Life, OfDevicesCreatedAndRemovedManyTimes) {
    allow_time(300s);
    const int rounds = in_form(500, 20);
    for (int i = 0; i < rounds; i++) {
        ASSERT_EQ(create({"--size", "1M", "--name", "again"}), "/dev/userblk0") << "round " << i;
        succeed({built("userblkctl"), "remove", "again"});
    }
    EXPECT_FALSE(std::filesystem::exists("/dev/userblk0"));
    EXPECT_FALSE(std::filesystem::exists("/dev/userblkc0"));
}

// The same with workers that have just started and are still busy with the effects of the first
// request.
TEST_F(Life, OfServedDevicesCreatedAndRemovedManyTimes) {
    allow_time(300s);
    for (int i = 0; i < in_form(100, 6); i++) {
        const std::string path = create({"--size", "1M"});
        Program serve({built("userblkctl"), "serve", path, "mem:", "--workers", "2"});
        if (i % 2)
            succeed({built("userblkctl"), "wait", path, "--timeout", "60s"}, 3 * patience);
        succeed({built("userblkctl"), "remove", "--force", path});
        const Outcome outcome = serve.wait();
        if (i % 2) {
            EXPECT_EQ(outcome.status, 0) << outcome.text();
        }
    }
    EXPECT_TRUE(shell("ls /dev/shm").empty()) << "memory of removed devices is left";
}

// A requested number is assigned, across removals.
TEST_F(Life, OfADeviceWithANumberOfItsOwn) {
    for (int round = 0; round < 3; round++) {
        EXPECT_EQ(create({"--size", "1M", "--number", "77", "--name", "stable"}), "/dev/userblk77");
        EXPECT_TRUE(std::filesystem::exists("/dev/userblkc77"));
        EXPECT_EQ(create({"--size", "1M"}), "/dev/userblk0") << "the lowest free one";
        succeed({built("userblkctl"), "remove", "stable", "userblk0"});
    }
}

// Forced removal while nobody serves the device and a reader waits: the reader gets an error at
// once.
TEST_F(Life, EndsByForceWithoutWorkers) {
    const std::string path = create({"--size", "1M", "--no-partitions"});
    const std::string number = path.substr(std::strlen("/dev/userblk"));
    const Fd control = open_file("/dev/userblkc" + number, O_RDWR);
    announce_service(control.get());
    Program reader({"dd", "if=" + path, "of=/dev/null", "bs=4k", "count=1", "iflag=direct"});
    EXPECT_TRUE(eventually([&] { return info(control.get()).queued == 1; }));
    EXPECT_EQ(run({built("userblkctl"), "remove", path}).status, 1);
    succeed({built("userblkctl"), "remove", "--force", path});
    const Outcome outcome = reader.wait();
    EXPECT_NE(outcome.status, 0);
    EXPECT_NE(outcome.err.find("Input/output error"), std::string::npos) << outcome.err;
}

// "serve --create" creates a device as large as the file, "--detach" returns once the device
// answers, and the tools report it correctly.
TEST_F(Life, OfADeviceMadeByServe) {
    const std::string store = make_file("store.img", 24 * mib);
    const std::string out = succeed({built("userblkctl"), "serve", "--create", "--name", "made",
                                     "--detach", "file:" + store, "--workers", "2"});
    const std::string path = out.substr(0, out.find('\n'));
    EXPECT_EQ(size_of_block_device(path), 24 * mib) << out;
    EXPECT_NE(succeed({built("userblkctl"), "list"}).find("made"), std::string::npos);
    EXPECT_NE(succeed({built("userblkctl"), "info", "made"}).find("24M"), std::string::npos);
    EXPECT_FALSE(succeed({built("userblkctl"), "stats", "made"}).empty());
    EXPECT_NE(succeed({built("userblkctl"), "list", "--json"}).find("\"made\""), std::string::npos);
    succeed({built("userblkctl"), "wait", "made", "--timeout", "30s"});
    succeed({built("userblkctl"), "remove", "made"});
}

} // namespace userblk::test
