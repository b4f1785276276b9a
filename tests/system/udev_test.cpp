// SPDX-License-Identifier: MIT
//
// Devices and udev with the rule that ships.
#include <filesystem>

#include "tests/support/uevents.hpp"
#include "tests/system/drivers.hpp"
#include "tests/system/system_test.hpp"

namespace userblk::test {

class Udev : public SystemTest {
protected:
    // The rule is installed, and udev, which the other tests keep from looking, runs.
    void SetUp() override {
        SystemTest::SetUp();
        if (!std::filesystem::exists("/run/udev/control"))
            GTEST_SKIP() << "requires udev";
        std::error_code ignored;
        for (const auto& file : std::filesystem::directory_iterator(USERBLK_PACKAGING, ignored))
            if (file.path().extension() == ".rules")
                rules_.push_back("/etc/udev/rules.d/" + file.path().filename().string());
        for (const std::string& rule : rules_)
            std::filesystem::copy_file(std::string(USERBLK_PACKAGING) + "/" +
                                           std::filesystem::path(rule).filename().string(),
                                       rule, std::filesystem::copy_options::overwrite_existing);
        ASSERT_FALSE(rules_.empty()) << "no udev rule in " << USERBLK_PACKAGING;
        succeed({"udevadm", "control", "--start-exec-queue"});
        for (int i = 0; i < 5 && !rules_in_force(); i++)
            succeed({"udevadm", "control", "--reload"});
    }
    // After one "udevadm control --reload" a device was now and then handled by the rules of
    // before, with not one link of ours.
    static bool rules_in_force() {
        settle();
        const TestDevice probe(named("probe"));
        settle();
        return std::filesystem::is_symlink("/dev/userblk/by-name/probe");
    }
    void TearDown() override {
        for (const std::string& rule : rules_)
            std::filesystem::remove(rule);
        run({"udevadm", "control", "--reload"});
        run({"udevadm", "settle", "--timeout=20"});
        run({"udevadm", "control", "--stop-exec-queue"});
        SystemTest::TearDown();
    }
    static void settle() { succeed({"udevadm", "settle", "--timeout=20"}, 2 * patience); }
    static bool has_property(const TestDevice& device, const std::string& line) {
        const std::string all =
            run({"udevadm", "info", "--query=property", "--name=" + device.block_path()}).out;
        return ("\n" + all).find("\n" + line) != std::string::npos;
    }
    // What a link below /dev/userblk/by-name/ leads to; "" if it does not come to be.
    static std::string target_of(const std::string& name) {
        const std::string path = "/dev/userblk/by-name/" + name;
        std::error_code none;
        eventually([&] { return std::filesystem::is_symlink(path, none); });
        return std::filesystem::read_symlink(path, none).filename();
    }
    static std::string known(const TestDevice& device) {
        return run({"udevadm", "info", "--query=all", "--name=" + device.block_path()}).text();
    }
    static userblk_config named(const char* name, std::uint64_t size = 16 * mib) {
        userblk_config config = full_config(size);
        config.flags &= ~static_cast<std::uint64_t>(USERBLK_F_NO_PARTITIONS);
        set_name(config, name);
        return config;
    }

private:
    std::vector<std::string> rules_;
};

// Nobody serves the device. Creating returned, udev has done with it and serves others, the link by
// name is there, and removing ends.
TEST_F(Udev, IsNotHeldUpByADeviceThatNobodyServes) {
    TestDevice device(named("unserved"));
    settle();
    EXPECT_EQ(target_of("unserved"), device.name()) << known(device);
    EXPECT_EQ(info(device.control()).queued, 0u) << "somebody read the device";
    EXPECT_EQ(info(device.control()).openers, 0u);
    {
        TestDevice other(named("other"));
        settle();
        EXPECT_EQ(target_of("other"), other.name()) << known(other);
    }
    EXPECT_EQ(remove_device(device.number(), 0), 0);
    device.forget();
    settle();
    EXPECT_FALSE(std::filesystem::is_symlink("/dev/userblk/by-name/unserved"));
}

// Once somebody serves it, blkid looks at it: what is on it and links by its UUID appear.
TEST_F(Udev, LooksAtADeviceOnceItIsServed) {
    allow_time(180s);
    const std::string store = make_file("store.img", 16 * mib);
    const std::string uuid = "01234567-89ab-cdef-0123-456789abcdef";
    succeed({"mkfs.ext4", "-q", "-F", "-U", uuid, "-L", "gold", store});
    TestDevice device(named("served"));
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

// Partitions that are found when somebody serves the device have links by name as well.
TEST_F(Udev, NamesPartitions) {
    allow_time(180s);
    const std::string store = make_file("store.img", 16 * mib);
    succeed({"sgdisk", "-n", "1:0:0", store});
    TestDevice device(named("parted"));
    Supervisor serve(device, "file:" + store, 2);
    EXPECT_TRUE(answers(device));
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(device.block_path() + "p1"); }));
    settle();
    EXPECT_EQ(target_of("parted-part1"), device.name() + "p1");
    serve.stop();
}

// The last worker dies and requests wait: after a while the kernel says so, so that a service
// manager can do something about it.
TEST_F(Udev, IsToldThatRequestsWait) {
    Uevents uevents;
    TestDevice device(named("waiting"));
    const Io reader = device.read(0, 4096);
    EXPECT_TRUE(uevents.await(device.name(), "change", "USERBLK_EVENT=waiting"));
    settle();
    Supervisor serve(device, "mem:", 1);
    EXPECT_EQ(reader->result(), 0);
    EXPECT_TRUE(uevents.await(device.name(), "change", "USERBLK_EVENT=served"));
    serve.stop();
}

} // namespace userblk::test
