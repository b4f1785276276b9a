// SPDX-License-Identifier: MIT
//
// The drivers that do not touch the data, as they ship: stripe, which says where the data lie;
// forward, which splices them to a peer; and for comparison worker.py, which reads and writes them.
// Each under load, file systems and kills.
#include <algorithm>
#include <sstream>

#include "tests/system/support/fio.hpp"
#include "tests/system/support/places.hpp"

namespace userblk::test {

class EachDriver : public Places, public testing::WithParamInterface<Driver> {};

// Workers are killed continuously under verified random writes, each while it holds requests. The
// others put its requests back: no error, and every byte reads back as written.
TEST_P(EachDriver, LosesNothingWhenWorkersAreKilledUnderFio) {
    const auto duration = in_form(60s, 6s);
    allow_time(duration + 240s);
    const auto files = stores(GetParam(), 64 * mib);
    TestDevice device(config(GetParam(), 64 * mib));
    Service service(device, GetParam(), files);
    Fio fio({.target = device.block_path(), .block = "16k", .runtime = duration});
    ASSERT_TRUE(fio.await_traffic(device));
    std::vector<Blow> blows;
    const auto end = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < end && fio.running())
        if (const pid_t victim = catch_holder(device, service.workers()))
            blows.push_back(strike(
                device, [&] { service.kill(victim); },
                [&] {
                    EXPECT_TRUE(await_healed(device));
                    std::this_thread::sleep_for(300ms);
                }));
    fio.finish();
    const userblk_info now = info(device.control());
    EXPECT_EQ(now.errors, 0u);
    EXPECT_GT(count_met(blows), 0u);
    EXPECT_EQ(now.redirects > 0, GetParam() == Driver::stripe);
    std::ostringstream name;
    name << GetParam() << ", kills of those who held requests / put back / writes";
    figure(name.str(), std::to_string(count_met(blows)) + " / " + std::to_string(now.put_back) +
                           " / " + std::to_string(now.writes));
    device.remove();
    service.await_end();
}

// Blocks larger than the maximum request, and writes through the page cache.
TEST_P(EachDriver, KeepsLargeAndBufferedWrites) {
    allow_time(180s);
    const auto files = stores(GetParam(), 64 * mib);
    TestDevice device(config(GetParam(), 64 * mib));
    Service service(device, GetParam(), files);
    verify_with_fio(
        {.target = device.block_path(), .block = "1m", .size = in_form("24m", "8m"), .depth = 8});
    verify_with_fio({.target = device.block_path(),
                     .size = in_form("6m", "2m"),
                     .engine = "psync",
                     .depth = 1,
                     .direct = false});
    EXPECT_EQ(info(device.control()).errors, 0u);
}

INSTANTIATE_TEST_SUITE_P(Of, EachDriver,
                         testing::Values(Driver::stripe, Driver::forward, Driver::worker_py),
                         testing::PrintToStringParamName());

struct Filled {
    Driver driver;
    const char* type;
};

class Tree : public Places, public testing::WithParamInterface<Filled> {};

// A tree is copied to a file system while workers are killed. The file system is clean; after the
// whole driver has been restarted, on a new device over the same store, the tree is complete.
TEST_P(Tree, IsCompleteInTheStore) {
    allow_time(400s);
    const auto [driver, type] = GetParam();
    const std::uint64_t size = 400 * mib;
    const auto files = stores(driver, size);
    const std::string expected = checksum_of_tree(sample_tree());
    {
        TestDevice device(config(driver, size));
        Service service(device, driver, files);
        make_file_system(type, device.block_path());
        Mount mount(device.block_path(), folder() + "/mnt");
        Program copier({"bash", "-euc",
                        "for i in 1 2; do cp -a \"$1\" \"$2/$i\"; sync -f \"$2\"; done", "copy",
                        sample_tree(), mount.point()});
        for (int i = 0; i < 3 && copier.running(); i++) {
            await_taken(device, 2s);
            service.kill(service.workers().front());
            std::this_thread::sleep_for(200ms);
        }
        EXPECT_EQ(copier.wait(6 * patience).status, 0) << copier.err();
        succeed({"rm", "-r", mount.point() + "/1"});
        succeed({"fstrim", mount.point()});
        mount.unmount();
        check_file_system(type, device.block_path());
        EXPECT_EQ(info(device.control()).errors, 0u);
    }
    TestDevice device(config(driver, size));
    Service service(device, driver, files);
    check_file_system(type, device.block_path());
    Mount mount(device.block_path(), folder() + "/mnt", {"-o", "ro"});
    EXPECT_EQ(checksum_of_tree(mount.point() + "/2"), expected);
    mount.unmount();
}

INSTANTIATE_TEST_SUITE_P(
    On, Tree,
    testing::Values(Filled{Driver::stripe, "ext4"}, Filled{Driver::stripe, "xfs"},
                    Filled{Driver::forward, "ext4"}, Filled{Driver::forward, "xfs"},
                    Filled{Driver::worker_py, "ext4"}, Filled{Driver::worker_py, "xfs"}),
    [](const auto& about) {
        std::ostringstream name;
        name << about.param.driver << "_" << about.param.type;
        return name.str();
    });

} // namespace userblk::test
