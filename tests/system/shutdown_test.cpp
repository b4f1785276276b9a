// SPDX-License-Identifier: MIT
//
// The machine is shut down with a file system mounted on a device: by a real systemd with the
// shipped unit, and by the signals that end a shutdown.
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/system/support/drivers.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class Shutdown : public SystemTest {
protected:
    void SetUp() override {
        SystemTest::SetUp();
        std::filesystem::create_directories(units());
        std::filesystem::create_directories("/etc/userblk");
        std::filesystem::copy_file(std::string(USERBLK_UNITS) + "/userblk@.service",
                                   units() + "/userblk@.service");
        std::filesystem::copy_file(built("userblkctl"), program(),
                                   std::filesystem::copy_options::overwrite_existing);
    }
    void TearDown() override {
        std::error_code ignored;
        std::filesystem::remove(program(), ignored);
        std::filesystem::remove_all("/etc/userblk", ignored);
        SystemTest::TearDown();
    }

    std::string units() const { return folder() + "/units"; }
    // The program's path in the unit.
    std::string program() const {
        std::ifstream in(std::string(USERBLK_UNITS) + "/userblk@.service");
        for (std::string line; std::getline(in, line);)
            if (line.starts_with("ExecStart="))
                return line.substr(10, line.find(' ') - 10);
        return {};
    }
    static void write(const std::string& path, const std::string& text) {
        std::ofstream(path) << text;
    }
    void configure(const std::string& store, const std::string& options = "--workers 2") const {
        write("/etc/userblk/demo.conf",
              "STORE=" + store + "\nDEVICE=--no-partitions\nOPTIONS=" + options + "\n");
        write(units() + "/wanted", "userblk@demo.service\n");
    }
    Outcome run_small_systemd(const std::string& script) const {
        return run(
            {std::string(USERBLK_TESTS) + "/small-systemd", units(), "bash", "-euxc", script},
            6 * patience);
    }
};

// systemd accepts the unit, and a mount in /etc/fstab as documented: no unknown directive, and no
// ordering cycle.
TEST_F(Shutdown, UnitIsSound) {
    configure("file:" + make_file("store.img", mib));
    write(units() + "/userblk-mnt.mount", "[Unit]\nBefore=remote-fs.target\n"
                                          "[Mount]\nWhat=/dev/userblk/by-name/demo\n"
                                          "Where=/userblk/mnt\nType=ext4\nOptions=_netdev\n");
    const Outcome outcome =
        run({"systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
             units() + "/userblk@demo.service", units() + "/userblk-mnt.mount"});
    EXPECT_EQ(outcome.status, 0) << outcome.text();
    EXPECT_EQ(outcome.text().find("cycle"), std::string::npos) << outcome.text();
    EXPECT_EQ(outcome.text().find("userblk"), std::string::npos) << outcome.text();
}

// A file system is mounted by hand and written; the machine is shut down with the data in the page
// cache. Shutdown completes, all data are in the store, the file system was unmounted in order, and
// neither device nor process is left.
TEST_F(Shutdown, WithAFileSystemMountedByHand) {
    allow_time(300s);
    const std::string store = make_file("store.img", 64 * mib);
    configure("file:" + store);
    const Outcome outcome = run_small_systemd(
        "mkfs.ext4 -q -F /dev/userblk0; mkdir -p " + folder() + "/mnt; mount /dev/userblk0 " +
        folder() + "/mnt; head -c 8M /dev/urandom >" + folder() + "/mnt/data; cp " + folder() +
        "/mnt/data " + folder() + "/data");
    ASSERT_EQ(outcome.status, 0) << outcome.text();
    EXPECT_TRUE(list_devices().empty()) << outcome.text();
    EXPECT_EQ(outcome.err.find("Failed"), std::string::npos) << outcome.err;

    TestDevice device(full_config(64 * mib));
    Supervisor serve(device, "file:" + store);
    EXPECT_NE(succeed({"dumpe2fs", "-h", device.block_path()}).find("state:         clean"),
              std::string::npos);
    check_file_system("ext4", device.block_path());
    {
        Mount mount(device.block_path(), folder() + "/mnt");
        succeed({"cmp", folder() + "/mnt/data", folder() + "/data"});
        mount.unmount();
    }
    serve.stop();
}

// A service's store is missing when the system starts, and appears late: after more failures than
// systemd tolerates by default. The service keeps retrying, and then serves.
TEST_F(Shutdown, ServiceIsTriedUntilItsStoreIsThere) {
    allow_time(300s);
    const std::string store = folder() + "/late.img";
    configure("file:" + store);
    const Outcome outcome = run_small_systemd(
        "restarts() { systemctl show --value -p NRestarts userblk@demo; }; "
        "until [[ $(restarts) -gt 7 ]]; do "
        "  [[ $(systemctl is-failed userblk@demo) != failed ]]; sleep 0.2; done; "
        "truncate -s 64M " +
        store +
        "; until [[ $(systemctl is-active userblk@demo) == active ]]; do sleep 0.2; done; "
        "dd if=/dev/userblk0 of=/dev/null bs=1M count=1 iflag=direct");
    EXPECT_EQ(outcome.status, 0) << outcome.text();
    EXPECT_TRUE(list_devices().empty()) << outcome.text();
}

// Wrong options are not retried.
TEST_F(Shutdown, WrongUsageIsNotTriedAgain) {
    allow_time(300s);
    configure("file:" + make_file("store.img", mib), "--no-such-option");
    const Outcome outcome = run_small_systemd(
        "until [[ $(systemctl is-failed userblk@demo) == failed ]]; do sleep 0.2; done; "
        "systemctl show --value -p NRestarts userblk@demo");
    EXPECT_EQ(outcome.status, 0) << outcome.text();
    EXPECT_TRUE(outcome.out.ends_with("\n0\n")) << outcome.text();
}

// The last signal of systemd goes to all processes at once, with the device mounted and under
// writes: taken requests are answered, no process is left, and nothing is put back. Later I/O
// blocks, and completes when the device is served again.
TEST_F(Shutdown, LastSignalToEverybodyUnderAMount) {
    allow_time(240s);
    TestDevice device(full_config(64 * mib));
    const std::string store = "delay=1ms,file:" + make_file("store.img", 64 * mib);
    Supervisor serve(device, store);
    make_file_system("ext4", device.block_path());
    Mount mount(device.block_path(), folder() + "/mnt");
    Program writer({"dd", "if=/dev/urandom", "of=" + folder() + "/mnt/data", "bs=64k", "count=64",
                    "oflag=direct,sync", "status=none"});
    ASSERT_TRUE(await_taken(device));
    for (const pid_t worker : serve.workers())
        ::kill(worker, SIGTERM);
    serve.stop();
    const userblk_info now = info(device.control());
    EXPECT_EQ(now.taken, 0u);
    EXPECT_EQ(now.put_back, 0u);
    EXPECT_TRUE(writer.running()) << writer.err();
    Supervisor next(device, store);
    EXPECT_EQ(writer.wait().status, 0) << writer.err();
    mount.unmount();
    check_file_system("ext4", device.block_path());
    EXPECT_EQ(info(device.control()).errors, 0u);
    next.stop();
}

} // namespace userblk::test
