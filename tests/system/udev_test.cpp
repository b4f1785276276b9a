// SPDX-License-Identifier: MIT
//
// Devices and udev with the shipped rule.
#include "tests/support/uevents.hpp"
#include "tests/system/support/drivers.hpp"
#include "tests/system/support/udev.hpp"

namespace userblk::test {

// Nobody serves the device. create returns, udev finishes with the device and handles others, the
// link by name exists, and removal completes.
TEST_F(Udev, IsNotHeldUpByADeviceThatNobodyServes) {
    TestDevice device(named("unserved"), TestDevice::Begin::not_served);
    settle();
    EXPECT_EQ(target_of("unserved"), device.name()) << known(device);
    EXPECT_EQ(info(device.control()).queued, 0u) << "somebody read the device";
    EXPECT_EQ(info(device.control()).openers, 0u);
    {
        TestDevice other(named("other"), TestDevice::Begin::not_served);
        settle();
        EXPECT_EQ(target_of("other"), other.name()) << known(other);
    }
    EXPECT_EQ(remove_device(device.number(), 0), 0);
    device.forget();
    settle();
    EXPECT_FALSE(std::filesystem::is_symlink("/dev/userblk/by-name/unserved"));
}

// Once the device is served, blkid probes it: its content and links by its UUID appear.
TEST_F(Udev, LooksAtADeviceOnceItIsServed) {
    allow_time(180s);
    const std::string store = make_file("store.img", 16 * mib);
    const std::string uuid = "01234567-89ab-cdef-0123-456789abcdef";
    succeed({"mkfs.ext4", "-q", "-F", "-U", uuid, "-L", "gold", store});
    TestDevice device(named("served"), TestDevice::Begin::not_served);
    settle();
    EXPECT_FALSE(has_property(device, "ID_FS_TYPE="));
    Supervisor serve(device, "file:" + store, 2);
    EXPECT_TRUE(answers(device));
    EXPECT_TRUE(eventually([&] { return has_property(device, "ID_FS_TYPE=ext4"); }));
    settle();
    EXPECT_TRUE(has_property(device, "ID_FS_LABEL=gold"));
    EXPECT_EQ(std::filesystem::read_symlink("/dev/disk/by-uuid/" + uuid).filename(), device.name());
    EXPECT_EQ(target_of("served"), device.name());
    serve.stop();
}

// Partitions found when serving starts get links by name as well.
TEST_F(Udev, NamesPartitions) {
    allow_time(180s);
    const std::string store = make_file("store.img", 16 * mib);
    succeed({"sgdisk", "-n", "1:0:0", store});
    TestDevice device(named("parted"), TestDevice::Begin::not_served);
    Supervisor serve(device, "file:" + store, 2);
    EXPECT_TRUE(answers(device));
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(device.block_path() + "p1"); }));
    settle();
    EXPECT_EQ(target_of("parted-part1"), device.name() + "p1");
    serve.stop();
}

// What a command reports ready is ready by then: for a created device its link by name, for a
// served one its partitions and their links as well.
TEST_F(Udev, LinksAreThereWhenTheCommandEnds) {
    allow_time(240s);
    namespace fs = std::filesystem;
    const std::string store = make_file("store.img", 16 * mib);
    succeed({"sgdisk", "-n", "1:0:+4M", "-n", "2:0:0", store});
    for (int i = 0; i < 3; i++) {
        const std::string made =
            succeed({built("userblkctl"), "create", "--size", "16M", "--name", "made"});
        EXPECT_TRUE(fs::is_block_file("/dev/userblk/by-name/made"));
        const std::string out =
            succeed({built("userblkctl"), "serve", "--create", "file:" + store, "--name", "ready",
                     "--detach", "--log", "file:" + folder() + "/log"},
                    3 * patience);
        const std::string path = out.substr(0, out.find('\n'));
        EXPECT_TRUE(fs::is_block_file("/dev/userblk/by-name/ready"));
        EXPECT_TRUE(fs::is_block_file(path + "p2"));
        EXPECT_TRUE(fs::is_block_file("/dev/userblk/by-name/ready-part2"));
        succeed({built("userblkctl"), "remove", "--all", "--force"});
    }
}

// udev is stopped: commands wait for its links no longer than requested, and say so.
TEST_F(Udev, ThatDoesNothingIsNotWaitedForWithoutEnd) {
    succeed({"udevadm", "control", "--stop-exec-queue"});
    setenv("USERBLK_UDEV_WAIT", "100ms", 1);
    const Outcome made = run({built("userblkctl"), "create", "--size", "16M", "--name", "unseen"});
    unsetenv("USERBLK_UDEV_WAIT");
    succeed({"udevadm", "control", "--start-exec-queue"});
    EXPECT_EQ(made.status, 0);
    EXPECT_NE(made.err.find("/dev/userblk/by-name/unseen"), std::string::npos) << made.err;
    settle();
    succeed({built("userblkctl"), "remove", "unseen"});
}

// The last worker dies and requests wait: after a while the kernel sends an event, so that a
// service manager can react.
TEST_F(Udev, IsNotifiedThatRequestsWait) {
    TestDevice device(named("waiting"));
    Uevents uevents;
    Supervisor first(device, "mem:", 1);
    EXPECT_TRUE(uevents.await(device.name(), "change", "USERBLK_EVENT=served"));
    EXPECT_TRUE(answers(device));
    settle();
    first.kill_all();
    const Io reader = device.read(0, 4096);
    EXPECT_TRUE(uevents.await(device.name(), "change", "USERBLK_EVENT=waiting"));
    settle();
    Supervisor serve(device, "mem:", 1);
    EXPECT_EQ(reader->result(), 0);
    serve.stop();
}

} // namespace userblk::test
