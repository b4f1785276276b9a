// SPDX-License-Identifier: MIT
#include "ioctl/lookup.hpp"

#include "tests/unit/userblk/temporary.hpp"

#include <gtest/gtest.h>

namespace userblk::abi {
namespace {

// A sysfs with devices 0 ("data"), 3 (no name), 12 ("12"), and other disks.
class LookupTest : public testing::Test {
protected:
    LookupTest() {
        add(0, "data");
        add(3, "");
        add(12, "7x");
        // Never served yet: its disk is empty. The others belong to an older module.
        sysfs.text("userblk3/userblk/size", "4096\n");
        sysfs.text("userblk3/size", "0\n");
        for (const auto* other : {"sda", "userblk", "userblkx", "userblk03", "userblk99999"})
            std::filesystem::create_directories(sysfs.path() / other);
    }

    void add(unsigned number, const std::string& name) {
        const std::string disk = "userblk" + std::to_string(number) + "/";
        sysfs.text(disk + "userblk/name", name + "\n");
        sysfs.text(disk + "userblk/state", "served\n");
        sysfs.text(disk + "userblk/queued", "5\n");
        sysfs.text(disk + "userblk/oldest_queued_ms", "1500\n");
        sysfs.text(disk + "size", "2048\n");
        sysfs.text(disk + "diskseq", "42\n");
        sysfs.text(disk + "ro", "1\n");
    }

    std::string complaint(const std::string& dev) {
        try {
            find_device(dev, sysfs.path());
        } catch (const NoSuchDevice& error) {
            return error.what();
        }
        return {};
    }

    test::TemporaryFolder sysfs;
};

// Every way to name a device finds it.
TEST_F(LookupTest, ADeviceIsFoundByNumberNodeAndName) {
    for (const auto* dev : {"3", "userblk3", "/dev/userblk3", "/dev/userblkc3"})
        EXPECT_EQ(find_device(dev, sysfs.path()), 3U) << dev;
    EXPECT_EQ(find_device("data", sysfs.path()), 0U);
    EXPECT_EQ(find_device("7x", sysfs.path()), 12U);
}

// The message names the missing device, as the kernel calls it.
TEST_F(LookupTest, AMissingDeviceIsNamed) {
    for (const auto* dev : {"4", "userblk4", "/dev/userblk4", "/dev/userblkc4"})
        EXPECT_EQ(complaint(dev), "no such device: userblk4") << dev;
}

// For a name that cannot be a device's, the message lists the valid forms.
TEST_F(LookupTest, AnImpossibleNameIsAnsweredWithTheValidForms) {
    for (const auto* dev : {"", "dat", "data ", "-1", "03", "userblk", "/dev/sda",
                            "/dev/userblk3p1", "4294967296", "9999"}) {
        const auto words = complaint(dev);
        EXPECT_NE(words.find('"' + std::string(dev) + '"'), std::string::npos) << dev;
        EXPECT_NE(words.find("/dev/userblkN"), std::string::npos) << dev;
    }
}

// Only userblk's own disks are listed, ordered by number, not by name.
TEST_F(LookupTest, DevicesAreListedByNumber) {
    EXPECT_EQ(device_numbers(sysfs.path()), (std::vector<std::uint32_t>{0, 3, 12}));
    EXPECT_TRUE(device_numbers(sysfs.path() / "nowhere").empty());
}

// Values from sysfs have their units; what an older module lacks is 0.
TEST_F(LookupTest, AttributesAreRead) {
    const auto attributes = read_attributes(0, sysfs.path());
    EXPECT_EQ(attributes.name, "data");
    EXPECT_EQ(attributes.state, "served");
    EXPECT_EQ(attributes.size, 1U << 20);
    EXPECT_EQ(read_attributes(3, sysfs.path()).size, 4096U);
    EXPECT_EQ(attributes.diskseq, 42U);
    EXPECT_TRUE(attributes.read_only);
    EXPECT_EQ(attributes.queued, 5U);
    EXPECT_EQ(attributes.oldest_queued, std::chrono::milliseconds(1500));
    EXPECT_EQ(attributes.stale, 0U);
    EXPECT_FALSE(attributes.servers) << "unknown is not the same as none";
    sysfs.text("userblk0/userblk/servers", "0\n");
    sysfs.text("userblk0/userblk/unserved_ms", "2500\n");
    EXPECT_EQ(read_attributes(0, sysfs.path()).servers, 0U);
    EXPECT_EQ(read_attributes(0, sysfs.path()).unserved, std::chrono::milliseconds(2500));
    EXPECT_THROW(read_attributes(4, sysfs.path()), NoSuchDevice);
}

} // namespace
} // namespace userblk::abi
