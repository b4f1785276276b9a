// SPDX-License-Identifier: MIT
// Reads what the system reports about devices and processes.
#include "tests/unit/userblk/temporary.hpp"
#include "userblk/ctl/device_use.hpp"
#include "userblk/ctl/format/block_stat.hpp"
#include "userblk/ctl/format/device_facts.hpp"
#include "userblk/ctl/format/service_state.hpp"
#include "userblk/ctl/logging.hpp"
#include "userblk/inspect/process_tree.hpp"

#include <gtest/gtest.h>
#include <limits>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

namespace userblk::ctl {

// The fields of /sys/block/*/stat, as the kernel documents them; sectors are 512 bytes.
TEST(BlockStat, TakesTheFieldsThatTheKernelDocuments) {
    const auto stat = parse_block_stat("  1 2 3 4  5 6 7 8  9 10 11  12 13 14 15  16 17\n");
    EXPECT_EQ(stat.reads, 1U);
    EXPECT_EQ(stat.bytes_read, 3U * 512);
    EXPECT_EQ(stat.writes, 5U);
    EXPECT_EQ(stat.bytes_written, 7U * 512);
    EXPECT_EQ(stat.others, 12U + 16U);
}

// A short or damaged line gives the fields that it has.
TEST(BlockStat, CountsMissingFieldsAsZero) {
    EXPECT_EQ(parse_block_stat("").reads, 0U);
    EXPECT_EQ(parse_block_stat("7 rubbish").reads, 7U);
}

class DeviceUse : public testing::Test {
protected:
    // The path of a file with this text.
    std::string file(const std::string& text) const { return folder_.text("file", text); }

private:
    test::TemporaryFolder folder_;
};

// Mount points are found by the numbers of the device and its partitions, not by name.
TEST_F(DeviceUse, FindsMountPointsByDeviceNumber) {
    const auto mountinfo = file("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                                "30 22 259:0 / /srv rw - xfs /dev/userblk0 rw\n"
                                "31 22 259:1 / /mnt rw - xfs /dev/userblk0p1 rw\n");
    EXPECT_EQ(mount_points({makedev(259, 0), makedev(259, 1)}, mountinfo),
              (std::vector<std::string>{"/srv", "/mnt"}));
    EXPECT_TRUE(mount_points({makedev(259, 9)}, mountinfo).empty());
    EXPECT_TRUE(mount_points({makedev(8, 1)}, "/no/such/file").empty());
}

// Blanks, tabs, newlines and backslashes are octal escapes there; nothing else is.
TEST_F(DeviceUse, ReadsMountPointsWithBlanks) {
    const auto mountinfo =
        file("30 22 259:0 / /srv/my\\040disk\\134a\\011 rw - xfs /dev/userblk0 rw\n"
             "31 22 259:0 / /srv/a\\04 rw shared:1 master:2 - xfs /dev/userblk0 rw\n");
    EXPECT_EQ(mount_points({makedev(259, 0)}, mountinfo),
              (std::vector<std::string>{"/srv/my disk\\a\t", "/srv/a\\04"}));
}

// Swap devices and files, with escapes in their names; without swap, or without the file, none.
TEST_F(DeviceUse, FindsSwapSpace) {
    const auto swaps =
        file("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
             "/dev/userblk0                           partition\t1048572\t\t0\t\t-2\n"
             "/srv/my\\040swap                         file\t\t1048572\t\t0\t\t-3\n");
    EXPECT_EQ(swap_devices(swaps), (std::vector<std::string>{"/dev/userblk0", "/srv/my swap"}));
    EXPECT_TRUE(swap_devices(file("Filename\tType\tSize\tUsed\tPriority\n")).empty());
    EXPECT_TRUE(swap_devices("/no/such/file").empty());
}

// A child counts until it exits, and not as a zombie.
TEST(ProcessTree, KnowsLivingChildrenAndNoZombies) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        char byte = 0;
        ::close(ends[1]);
        [[maybe_unused]] const auto got = ::read(ends[0], &byte, 1);
        ::_exit(0);
    }
    EXPECT_TRUE(inspect::children_of(::getpid()).contains(child));
    EXPECT_TRUE(inspect::is_alive(child));
    ::close(ends[1]);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
    EXPECT_FALSE(inspect::children_of(::getpid()).contains(child));
    EXPECT_FALSE(inspect::is_alive(child));
    ::waitpid(child, nullptr, 0);
    ::close(ends[0]);
}

// Valid log targets and levels pass, others are refused.
TEST(Logging, KnowsItsTargetsAndLevels) {
    for (const char* target : {"console", "syslog", "file:/tmp/x"})
        EXPECT_NO_THROW(check_log_target(target)) << target;
    for (const char* target : {"", "file:", "stdout", "file"})
        EXPECT_THROW(check_log_target(target), std::invalid_argument) << target;
    EXPECT_EQ(parse_log_level("debug"), LogLevel::debug);
    EXPECT_THROW(parse_log_level("loud"), std::invalid_argument);
}

TEST(DeviceFacts, NamesEveryFeature) {
    EXPECT_EQ(feature_names(USERBLK_F_ALL).size(), 10U);
    EXPECT_TRUE(feature_names(0).empty());
}

// An old module reports neither the number of servers nor whether there are any now.
TEST(Service, IsDescribedInWords) {
    using std::chrono::seconds;
    EXPECT_EQ((Service{false, 0, {}}.state()), "new");
    EXPECT_EQ((Service{true, 1, {}}.text()), "served by 1 process");
    EXPECT_EQ((Service{true, 4, {}}.text()), "served by 4 processes");
    EXPECT_EQ((Service{true, std::nullopt, {}}.text()), "served");
    EXPECT_EQ((Service{true, 0, seconds(7200)}.state()), "unserved");
    const auto text = Service{true, 0, seconds(7200)}.text();
    EXPECT_EQ(text.find("unserved for 2h, since "), 0U) << text;
}

// Two supervisors of the same store: it is named once.
TEST(Service, NamesStoresAndOptions) {
    SupervisorRecord one;
    one.store = "file:/srv/a";
    one.workers = 1;
    one.threads = 2;
    one.options = {"--redirect", "--spares=2"};
    auto other = one;
    other.store = "file:/srv/b";
    EXPECT_EQ(options_text(one), "1 worker of 2 threads, --redirect, --spares=2");
    EXPECT_EQ(options_text({}), "");
    EXPECT_EQ(stores_text({one, other, one, {}}), "file:/srv/a, file:/srv/b");
    other.store_state = "removed";
    EXPECT_EQ(stores_text({one, other}), "file:/srv/a, file:/srv/b (removed)");
    EXPECT_EQ(stores_of({one, other}), (std::vector<std::string>{"file:/srv/a", "file:/srv/b"}));
}

// The file may contain anything.
TEST(Service, SaysWhySomethingIsWrong) {
    SupervisorRecord record;
    EXPECT_EQ(error_text(record), "");
    record.error = "no store";
    EXPECT_EQ(error_text(record), "no store");
    record.error_time = 1'796'000'000;
    EXPECT_EQ(error_text(record).find("no store (since 2026-"), 0U) << error_text(record);
    record.error_time = std::numeric_limits<std::int64_t>::max();
    EXPECT_EQ(error_text(record), "no store");
}

} // namespace userblk::ctl
