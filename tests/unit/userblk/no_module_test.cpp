// SPDX-License-Identifier: MIT
#include "ioctl/control_device.hpp"
#include "ioctl/control_node.hpp"
#include "ioctl/error.hpp"
#include "userblk/device.hpp"

#include <filesystem>
#include <gtest/gtest.h>

namespace userblk {
namespace {

class NoModuleTest : public testing::Test {
protected:
    void SetUp() override {
        if (std::filesystem::exists(abi::ControlDevice::path))
            GTEST_SKIP() << "the module is loaded here";
    }
};

// The module is not loaded: the message says so and names the command that loads it.
TEST_F(NoModuleTest, TheMessageNamesModprobe) {
    try {
        abi::ControlDevice control;
        FAIL();
    } catch (const abi::ModuleNotLoaded& error) {
        EXPECT_NE(std::string(error.what()).find("modprobe userblk"), std::string::npos);
    }
}

// A device that does not exist: the message names its node.
TEST_F(NoModuleTest, AMissingControlNodeIsNamed) {
    try {
        abi::ControlNode node(7);
        FAIL();
    } catch (const std::system_error& error) {
        EXPECT_NE(std::string(error.what()).find("unable to open /dev/userblkc7"),
                  std::string::npos);
    }
}

// An impossible config is refused with a message, without asking the kernel.
TEST_F(NoModuleTest, AnImpossibleDeviceIsRefusedInWords) {
    DeviceConfig config;
    EXPECT_THROW(Device::create(config), std::invalid_argument);
    config.size = 1000;
    EXPECT_THROW(Device::create(config), std::invalid_argument);
    config.size = 1 << 20;
    config.name = std::string(64, 'x');
    EXPECT_THROW(Device::create(config), std::invalid_argument);
}

} // namespace
} // namespace userblk
