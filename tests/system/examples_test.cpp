// SPDX-License-Identifier: MIT
//
// The examples as they ship: started as a user starts them, used, killed, ended.
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/system/support/fio.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class Examples : public SystemTest {
protected:
    // The path of the block node that a driver prints when it is ready; "" and a failure if it
    // prints none.
    static std::string printed_path(Program& driver) {
        const bool told = eventually(
            [&] { return driver.out().find('\n') != std::string::npos || !driver.running(); });
        EXPECT_TRUE(told) << driver.err();
        const std::string text = driver.out();
        const std::string path = text.substr(0, text.find('\n'));
        EXPECT_EQ(path.rfind("/dev/userblk", 0), 0u) << text << driver.err();
        return path;
    }
    static std::string name_of(pid_t pid) {
        std::string name;
        std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
        return name;
    }
    static bool exists(const std::string& path) { return std::filesystem::exists(path); }
    static void end(Program& driver, int signal, const std::string& path) {
        driver.signal(signal);
        const Outcome outcome = driver.wait(2 * patience);
        EXPECT_EQ(outcome.status, 0) << outcome.text();
        EXPECT_FALSE(exists(path));
    }
    // Writes data and reads them back.
    void write_and_compare(const std::string& path) const {
        shell(R"(dd if=/dev/urandom of="$2/data" bs=64k count=16 status=none
                 dd if="$2/data" of="$1" bs=64k oflag=direct status=none
                 dd if="$1" of="$2/back" bs=64k count=16 iflag=direct status=none
                 cmp "$2/data" "$2/back")",
              {path, folder()});
    }
};

// hello_ram creates a device and prints its path. After mkfs, all workers are killed, and the file
// system is intact. Ctrl-C removes the device.
TEST_F(Examples, HelloRamIsUsedKilledAndEnded) {
    allow_time(180s);
    Program driver({built("hello_ram"), "--size", "64M"});
    const std::string path = printed_path(driver);
    EXPECT_EQ(size_of_block_device(path), 64 * mib);
    make_file_system("ext4", path);
    {
        Mount mount(path, folder() + "/mnt");
        shell("cp -a \"$2\" \"$1\"; sync -f \"$1\"", {mount.point(), sample_tree()});
        const std::string written = checksum_of_tree(mount.point());
        kill_each(children_of(driver.pid()));
        shell("echo 3 >/proc/sys/vm/drop_caches");
        EXPECT_EQ(checksum_of_tree(mount.point()), written);
        mount.unmount();
    }
    check_file_system("ext4", path);
    end(driver, SIGINT, path);
}

// hello_ram with other options, and with wrong ones.
TEST_F(Examples, HelloRamTakesOptions) {
    Program driver({built("hello_ram"), "--size", "16M", "--workers", "3", "--threads", "2",
                    "--wait", "serve", "--name", "hello"});
    const std::string path = printed_path(driver);
    const auto workers = children_of(driver.pid());
    EXPECT_GE(workers.size(), 3u);
    for (const pid_t worker : workers) // each is a process called "hello_ram-wN"
        EXPECT_EQ(name_of(worker), "hello_ram-w" + path.substr(std::string("/dev/userblk").size()));
    write_and_compare(path);
    const Outcome taken = run({built("hello_ram"), "--size", "16M", "--name", "hello"});
    EXPECT_EQ(taken.status, 1) << taken.text();
    end(driver, SIGTERM, path);
    EXPECT_EQ(run({built("hello_ram"), "--size", "much"}).status, 2);
    const Outcome empty = run({built("hello_ram"), "--size", "0"});
    EXPECT_EQ(empty.status, 2) << empty.text();
    EXPECT_NE(empty.err.find("cannot have size 0"), std::string::npos) << empty.text();
    const Outcome nameless = run({built("hello_ram"), "--name", ""});
    EXPECT_EQ(nameless.status, 2) << nameless.text();
    EXPECT_NE(nameless.err.find("omit --name"), std::string::npos) << nameless.text();
    EXPECT_EQ(run({built("hello_ram"), "--workers", "0"}).status, 2);
    EXPECT_EQ(run({built("hello_ram"), "--frobnicate"}).status, 2);
    EXPECT_EQ(run({built("hello_ram"), "userblk77"}).status, 1);
    EXPECT_EQ(run({built("hello_ram"), "--help"}).status, 0);
}

// A driver that ends while its device is mounted leaves the device in place, so that its users see
// no error. Another driver can serve it.
TEST_F(Examples, DeviceInUseStaysWhenItsDriverEnds) {
    allow_time(180s);
    Program driver({built("hello_ram"), "--size", "16M"});
    const std::string path = printed_path(driver);
    const Fd in_use = open_file(path, O_RDONLY);
    driver.signal(SIGTERM);
    const Outcome outcome = driver.wait(2 * patience);
    EXPECT_TRUE(exists(path)) << outcome.text();
    EXPECT_NE(outcome.err.find(path), std::string::npos) << outcome.err;
    Program next({built("hello_ram"), path});
    EXPECT_EQ(printed_path(next), path);
    char byte = 1;
    EXPECT_EQ(pread(in_use.get(), &byte, 1, 0), 1);
    EXPECT_EQ(byte, 0);
    next.signal(SIGTERM);
    EXPECT_EQ(next.wait(2 * patience).status, 0);
    EXPECT_EQ(run({built("userblkctl"), "remove", "--force", path}).status, 0);
}

// The supervisor is killed, its workers keep serving, and the driver is started again. It would
// serve from other memory, and no lock could reveal that. It is refused unless the user declares
// that the store is the same.
TEST_F(Examples, ASecondStartBesideWorkersIsRefusedWhereNoStoreIsNamed) {
    allow_time(180s);
    Program driver({built("hello_ram"), "--size", "16M", "--workers", "2", "--keep"});
    const std::string path = printed_path(driver);
    driver.signal(SIGKILL);
    driver.wait(patience);
    const Outcome shown = run({built("userblkctl"), "info", path});
    EXPECT_NE(shown.out.find("hello_ram-w"), std::string::npos) << shown.text();
    EXPECT_NE(shown.out.find("(left behind by its supervisor)"), std::string::npos) << shown.text();
    const Outcome refused = run({built("hello_ram"), path});
    EXPECT_EQ(refused.status, 1);
    EXPECT_NE(refused.err.find("is already served by 2 workers"), std::string::npos) << refused.err;
    EXPECT_NE(refused.err.find("--share"), std::string::npos) << refused.err;
    Program shared({built("hello_ram"), path, "--share"});
    EXPECT_EQ(printed_path(shared), path);
    shared.signal(SIGTERM);
    EXPECT_EQ(shared.wait(2 * patience).status, 0);
    EXPECT_EQ(run({built("userblkctl"), "remove", "--force", path}).status, 0);
}

// log_delay logs each request to standard error, and delays it for the time given.
TEST_F(Examples, LogDelayLogsRequests) {
    Program driver({built("log_delay"), "--size", "16M", "--", "5ms"});
    const std::string path = printed_path(driver);
    write_and_compare(path);
    succeed(
        {"dd", "if=" + path, "of=/dev/null", "bs=4k", "count=3", "iflag=direct", "status=none"});
    EXPECT_NE(driver.err().find("read"), std::string::npos) << driver.err();
    EXPECT_NE(driver.err().find("write"), std::string::npos) << driver.err();
    kill_each(children_of(driver.pid()));
    write_and_compare(path);
    end(driver, SIGTERM, path);
    EXPECT_NE(run({built("log_delay"), "--", "soon"}).status, 0);
}

// poll_get_put takes a device and a file; two instances share both. One is killed, the other goes
// on; it exits when the device is removed.
TEST_F(Examples, PollGetPutServesTogetherWithAnother) {
    allow_time(180s);
    const std::string store = make_file("store.img", 32 * mib);
    const std::string path = shell("\"$1\" create --size 32M --no-fua", {built("userblkctl")});
    const std::string block = path.substr(0, path.find('\n'));
    const std::string control = "/dev/userblkc" + block.substr(std::string("/dev/userblk").size());
    Program one({built("poll_get_put"), control, store});
    Program other({built("poll_get_put"), control, store});
    succeed({built("userblkctl"), "wait", block, "--timeout", "60s"}, 3 * patience);
    write_and_compare(block);
    verify_with_fio({.target = block, .size = "8m"});
    one.kill();
    write_and_compare(block);
    EXPECT_FALSE(shell("cmp --bytes=1M \"$1\" \"$2\" && echo same", {block, store}).empty());
    succeed({built("userblkctl"), "remove", block});
    other.wait();
    EXPECT_EQ(run({built("poll_get_put")}).status, 2);
    EXPECT_EQ(run({built("poll_get_put"), "/dev/null", store}).status, 1);
}

} // namespace userblk::test
