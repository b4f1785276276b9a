// SPDX-License-Identifier: MIT
//
// Programs and udev rules of other packages that inspect every disk. The guest starts without them:
// tests/vm/disk-tools unpacks them on the host.
#include <fstream>

#include "tests/support/server.hpp"
#include "tests/support/uevents.hpp"
#include "tests/system/support/drivers.hpp"
#include "tests/system/support/udev.hpp"

namespace userblk::test {

namespace {

const std::string tree = USERBLK_DISK_TOOLS "/tree";

// What people and their machines run, on all disks or on this one.
std::vector<Arguments> looks_at(const std::string& disk) {
    return {{"lsblk", "--fs"},
            {"lsblk", "--output-all"},
            {"blkid"},
            {"blkid", "--probe", disk},
            {"wipefs", disk},
            {"fdisk", "-l"},
            {"sfdisk", "--dump", disk},
            {"sgdisk", "--print", disk},
            {"parted", "-l", "-s"},
            {"partprobe"},
            {"partx", "--show", disk},
            {"blockdev", "--report"},
            {"blockdev", "--flushbufs", disk},
            {"dd", "if=" + disk, "of=/dev/null", "bs=1M", "count=1"},
            {"dd", "if=/dev/zero", "of=" + disk, "bs=4k", "count=1", "conv=fsync"},
            {"mount", "-r", "-t", "ext4", disk, "/mnt"},
            {"swapon", disk},
            {"mkfs.ext4", "-F", "-q", disk},
            {"mkfs.xfs", "-f", "-q", disk},
            {"dmsetup", "ls"},
            {"lvm", "pvs", "--all"},
            {"lvm", "pvscan"},
            {"lvm", "vgs"},
            {"lvmdiskscan"},
            {"pvcreate", "--yes", disk},
            {"mdadm", "--examine", "--scan"},
            {"mdadm", "--assemble", "--scan"},
            {"mdadm", "--examine", disk},
            {"btrfs", "filesystem", "show"},
            {"btrfs", "device", "scan"},
            {"multipath", "-ll"},
            {"multipath", "-u", disk},
            {"kpartx", "-l", disk},
            {"bcache-super-show", disk},
            {"/lib/udev/probe-bcache", disk},
            {"df"},
            {"sync"}};
}

bool installed(const std::string& program) {
    return !run({"sh", "-c", "command -v \"$1\"", "sh", program}).status;
}

} // namespace

class DiskTools : public Udev {
protected:
    void SetUp() override {
        if (!std::filesystem::exists(tree))
            GTEST_SKIP() << "requires " << tree << " (tests/vm/disk-tools makes it)";
        allow_time(600s);
        // The guest's folders may be links.
        if (!std::filesystem::exists("/sbin/mdadm"))
            succeed({"sh", "-c", R"(cd "$1" && for part in *; do cp -a "$part/." "/$part/"; done)",
                     "sh", tree},
                    8 * patience);
        Udev::SetUp();
    }
};

// One device is created and never served. Every program that inspects it, or all disks, ends; what
// it reports about a disk without a medium is its own business.
TEST_F(DiskTools, NoneIsHeldUpByADeviceThatNobodyServes) {
    allow_time(600s);
    const TestDevice device(named("unserved"), TestDevice::Begin::not_served);
    settle();
    std::vector<Arguments> missing;
    for (const Arguments& argv : looks_at(device.block_path())) {
        if (!installed(argv[0])) {
            missing.push_back(argv);
            continue;
        }
        Program program(argv);
        const bool ended = eventually([&] { return !program.running(); }, 2 * patience);
        EXPECT_TRUE(ended) << argv[0] << " " << argv[1] << " waits";
        if (!ended)
            return; // it may not even be killable: only removing the device ends it
    }
    EXPECT_TRUE(missing.empty()) << missing.front()[0] << " is not there";
    const userblk_info state = info(device.control());
    EXPECT_EQ(state.state, USERBLK_STATE_NEW);
    EXPECT_EQ(state.queued, 0u);
    EXPECT_EQ(state.openers, 0u);
}

// bcache's rule probes whatever no other package claims. udev finishes with an unserved device in
// bounded time, and handles another device meanwhile.
TEST_F(DiskTools, TheirRulesDoNotHoldUdevUp) {
    ASSERT_TRUE(std::filesystem::exists("/lib/udev/rules.d/69-bcache.rules"));
    allow_time(300s);
    TestDevice device(named("unserved"), TestDevice::Begin::not_served);
    settle();
    EXPECT_EQ(target_of("unserved"), device.name()) << known(device);
    EXPECT_TRUE(has_property(device, "DM_UDEV_DISABLE_OTHER_RULES_FLAG=1"));
    EXPECT_EQ(info(device.control()).openers, 0u);
    EXPECT_EQ(device.remove(), 0);
    settle();
}

// The device holds something on which the rules act by reading it: a btrfs, a RAID member, a
// physical volume. Its server dies and I/O blocks: no rule reads the device, and what udev knew
// about it stays known.
TEST_F(DiskTools, TheirRulesKnowADeviceWhoseServerDied) {
    const std::vector<std::pair<std::string, std::string>> kinds = {
        {"btrfs", "mkfs.btrfs -q -f \"$1\""},
        {"LVM2_member", "lvm pvcreate -q --yes --config 'devices{filter=[\"a|.*|\"]}' \"$1\""}};
    allow_time(600s);
    run({"modprobe", "btrfs"});
    for (const auto& [type, make] : kinds) {
        TestDevice device(named("known", 128 * mib), TestDevice::Begin::not_served);
        const std::string store = make_file(type, 128 * mib);
        Supervisor serve(device, "file:" + store, 1);
        EXPECT_TRUE(answers(device));
        EXPECT_TRUE(eventually([&] { return has_property(device, "USERBLK_SERVED=1"); }));
        settle();
        succeed({"sh", "-c", make, "sh", device.block_path()}, 4 * patience);
        // While udev handles an event it misses the close of a writer, and these programs close the
        // disk often.
        settle();
        succeed({"udevadm", "trigger", "--action=change", device.block_path()});
        EXPECT_TRUE(eventually([&] { return has_property(device, "ID_FS_TYPE=" + type); }))
            << known(device);
        settle();
        serve.kill_all();
        Uevents uevents;
        const Io reader = device.read(0, 4096);
        EXPECT_TRUE(uevents.await(device.name(), "change", "USERBLK_EVENT=waiting"));
        settle();
        EXPECT_TRUE(has_property(device, "ID_FS_TYPE=" + type)) << known(device);
        EXPECT_EQ(info(device.control()).queued + info(device.control()).taken, 1u)
            << "another program reads";
        EXPECT_EQ(device.remove(), 0);
        settle();
    }
}

} // namespace userblk::test
