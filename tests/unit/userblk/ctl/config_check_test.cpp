// SPDX-License-Identifier: MIT
#include "userblk/ctl/command.hpp"
#include "userblk/ctl/config_check.hpp"

#include <gtest/gtest.h>

namespace userblk::ctl {

namespace {

DeviceConfig good() {
    DeviceConfig config;
    config.size = 1 << 20;
    return config;
}

} // namespace

// A size is all that a config needs.
TEST(ConfigCheck, PassesADeviceThatSaysNoMoreThanItsSize) {
    EXPECT_NO_THROW(check_config(good()));
}

// The largest values that go together.
TEST(ConfigCheck, PassesTheLimitsThemselves) {
    auto config = good();
    config.logical_block_size = 4096;
    config.physical_block_size = 1 << 20;
    config.io_min = 1 << 20;
    config.io_opt = 1 << 21;
    config.max_transfer = 4 << 20;
    config.chunk_size = 1U << 30;
    config.discard_granularity = 1U << 31;
    config.queues = 256;
    config.depth = 128;
    config.name = std::string(63, 'a');
    EXPECT_NO_THROW(check_config(config));
    config.queues = 8;
    config.depth = 4096;
    EXPECT_NO_THROW(check_config(config));
    config.size = (1ULL << 63) - 4096;
    EXPECT_NO_THROW(check_config(config));
}

// The kernel accepts no larger one.
TEST(ConfigCheck, RefusesAChunkThatTheKernelWouldRefuse) {
    auto config = good();
    config.chunk_size = 1U << 31;
    EXPECT_THROW(check_config(config), UsageError);
}

// A depth counts as the next power of two.
TEST(ConfigCheck, CountsSlotsAsTheKernelDoes) {
    auto config = good();
    config.queues = 10;
    config.depth = 2048;
    EXPECT_NO_THROW(check_config(config));
    config.depth = 2049;
    EXPECT_THROW(check_config(config), UsageError);
}

// A name that looks like a device's number, node or path is refused, and so is one with characters
// other than letters, digits and ._+:-.
TEST(ConfigCheck, RefusesNamesThatCouldMeanAnotherDevice) {
    for (const char* name : {"0", "12", "007", "userblk0", "userblk12", "userblk007", "userblkc3"})
        EXPECT_THROW(check_name(name), UsageError) << name;
    for (const char* name : {"", "data", "userblk", "userblkx", "userblk1x", "1a", "a.b_c+d:e-f"})
        EXPECT_NO_THROW(check_name(name)) << name;
    for (const char* name : {"/dev/userblk0", "a b", "-a", ".a", "\xc3\xa4"})
        EXPECT_THROW(check_name(name), UsageError) << name;
}

} // namespace userblk::ctl
