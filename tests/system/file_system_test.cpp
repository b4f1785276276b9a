// SPDX-License-Identifier: MIT
//
// File systems, checksummed loads, partitions and loop devices on devices served by "userblkctl
// serve".
#include <filesystem>

#include "tests/system/support/fio.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

struct Ground {
    const char* type;  // of file system
    const char* store; // "file" or "mem"
    std::uint32_t block_size;
    std::uint32_t queues;
};

std::ostream& operator<<(std::ostream& out, const Ground& ground) {
    return out << ground.type << " on " << ground.store << ", blocks of " << ground.block_size
               << ", " << ground.queues << " queues";
}

class FileSystem : public SystemTest, public testing::WithParamInterface<Ground> {
protected:
    std::string spec(std::uint64_t size) const {
        return GetParam().store == std::string("mem") ? "mem:"
                                                      : "file:" + make_file("store.img", size);
    }
};

// A small tree: files, some of them large or sparse, links, and files overwritten and deleted.
std::string fill(const std::string& at) {
    return shell(R"(
        cp -a "$2" "$1/tree"
        dd if=/dev/urandom of="$1/large" bs=1M count=12 status=none
        truncate -s 64M "$1/sparse"; dd if=/dev/urandom of="$1/sparse" bs=4k seek=9999 count=1 conv=notrunc status=none
        for i in $(seq 100); do echo "$i" >"$1/tree/$i"; done
        rm -r "$1/tree/netfilter"; ln "$1/large" "$1/hard"; ln -s large "$1/soft"
        sync -f "$1")",
                 {at, sample_tree()}, 4 * patience);
}

// mkfs, mount, write, unmount, fsck, mount again: the data are read back, by then from the store
// and not from the page cache.
TEST_P(FileSystem, KeepsWhatWasWritten) {
    allow_time(300s);
    userblk_config config = full_config(400 * mib);
    config.logical_block_size = GetParam().block_size;
    config.queues = GetParam().queues;
    TestDevice device(config);
    Supervisor serve(device, spec(config.size), 2);
    make_file_system(GetParam().type, device.block_path());
    std::string written;
    {
        Mount mount(device.block_path(), folder() + "/mnt");
        fill(mount.point());
        written = checksum_of_tree(mount.point());
        mount.unmount();
    }
    check_file_system(GetParam().type, device.block_path());
    {
        Mount mount(device.block_path(), folder() + "/mnt", {"-o", "ro"});
        EXPECT_EQ(checksum_of_tree(mount.point()), written);
        mount.unmount();
    }
    EXPECT_EQ(info(device.control()).errors, 0u);
    serve.stop();
}

INSTANTIATE_TEST_SUITE_P(Of, FileSystem,
                         testing::Values(Ground{"ext4", "file", 512, 1},
                                         Ground{"ext4", "mem", 4096, 2},
                                         Ground{"xfs", "file", 4096, 2},
                                         Ground{"xfs", "mem", 512, 1}),
                         [](const auto& about) {
                             return std::string(about.param.type) + "_" + about.param.store + "_" +
                                    std::to_string(about.param.block_size) + "_" +
                                    std::to_string(about.param.queues);
                         });

class Load : public SystemTest, public testing::WithParamInterface<const char*> {
protected:
    void verify(FioJob job) {
        SCOPED_TRACE(job.block + " " + job.engine + (job.direct ? " direct" : " buffered"));
        TestDevice device(full_config(64 * mib));
        Supervisor serve(device,
                         GetParam() == std::string("mem")
                             ? "mem:"
                             : "file:" + make_file(device.name(), 64 * mib),
                         2);
        job.target = device.block_path();
        verify_with_fio(job);
        EXPECT_EQ(info(device.control()).errors, 0u);
        serve.stop();
    }
};

// Small blocks in random order, many at a time, bypassing the page cache.
TEST_P(Load, OfSmallDirectWritesIsReadBack) {
    allow_time(180s);
    verify({.size = in_form("24m", "8m"), .engine = "libaio", .depth = 32});
}

// Blocks larger than the maximum request, so that each is split.
TEST_P(Load, OfLargeDirectWritesIsReadBack) {
    allow_time(180s);
    verify({.block = "1m", .size = in_form("64m", "24m"), .engine = "libaio", .depth = 8});
}

// Through the page cache, one at a time.
TEST_P(Load, OfBufferedWritesIsReadBack) {
    allow_time(180s);
    FioJob job{.size = in_form("16m", "6m"), .engine = "psync", .depth = 1, .direct = false};
    verify(job);
    job.block = "1m";
    job.size = in_form("64m", "24m");
    verify(job);
}

// Single direct writes, each sent when the previous one has completed.
TEST_P(Load, OfSynchronousWritesIsReadBack) {
    allow_time(180s);
    verify({.size = in_form("4m", "2m"), .engine = "psync", .depth = 1});
    verify({.block = "1m", .size = in_form("32m", "12m"), .engine = "psync", .depth = 1});
}

INSTANTIATE_TEST_SUITE_P(On, Load, testing::Values("file", "mem"),
                         [](const auto& about) { return std::string(about.param); });

class Partitions : public SystemTest {
protected:
    static userblk_config partitioned(std::uint64_t size) {
        userblk_config config = full_config(size);
        config.flags &= ~static_cast<std::uint64_t>(USERBLK_F_NO_PARTITIONS);
        return config;
    }
    static bool exists(const std::string& path) { return std::filesystem::exists(path); }
};

// Two partitions are created, each with a file system and a file. The device is removed and created
// again over the same store: both partitions are back with the first worker, and so are their
// files.
TEST_F(Partitions, AreFoundAgainAfterTheDeviceWasMadeAnew) {
    allow_time(300s);
    const std::string store = make_file("store.img", 96 * mib);
    {
        TestDevice device(partitioned(96 * mib));
        Supervisor serve(device, "file:" + store, 2);
        const std::string disk = device.block_path();
        succeed({"sgdisk", "-n", "1:0:+32M", "-n", "2:0:0", disk});
        ASSERT_TRUE(eventually([&] { return exists(disk + "p1") && exists(disk + "p2"); }));
        for (const std::string part : {"p1", "p2"}) {
            make_file_system("ext4", disk + part);
            Mount mount(disk + part, folder() + "/mnt");
            shell("echo \"$2\" >\"$1/file\"", {mount.point(), "on " + part});
            mount.unmount();
        }
        serve.stop();
    }
    TestDevice device(partitioned(96 * mib));
    const std::string disk = device.block_path();
    EXPECT_FALSE(exists(disk + "p1")) << "a partition table was read before anybody served";
    Supervisor serve(device, "file:" + store, 2);
    EXPECT_TRUE(answers(device));
    ASSERT_TRUE(eventually([&] { return exists(disk + "p1") && exists(disk + "p2"); }));
    for (const std::string part : {"p1", "p2"}) {
        check_file_system("ext4", disk + part);
        Mount mount(disk + part, folder() + "/mnt", {"-o", "ro"});
        EXPECT_EQ(succeed({"cat", mount.point() + "/file"}), "on " + part + "\n");
        mount.unmount();
    }
    serve.stop();
}

// An untrusted image: the kernel does not read its partition table, and refuses to add a partition
// by ioctl.
TEST_F(Partitions, AreNotReadWhereTheCreatorSaidSo) {
    const std::string store = make_file("store.img", 16 * mib);
    succeed({"sgdisk", "-n", "1:0:0", store});
    TestDevice device(full_config(16 * mib));
    Supervisor serve(device, "file:" + store, 1);
    EXPECT_TRUE(answers(device));
    run({"blockdev", "--rereadpt", device.block_path()});
    EXPECT_FALSE(exists(device.block_path() + "p1"));
    serve.stop();
}

class Stacked : public SystemTest {};

// A loop device over a file on a file system on userblk: all layers agree.
TEST_F(Stacked, LoopDeviceOverAFileOnTheFileSystem) {
    allow_time(240s);
    TestDevice device(full_config(128 * mib));
    Supervisor serve(device, "mem:", 2);
    make_file_system("ext4", device.block_path());
    Mount mount(device.block_path(), folder() + "/mnt");
    succeed({"modprobe", "loop"});
    const std::string inner = mount.point() + "/inner.img";
    succeed({"truncate", "-s", "64M", inner});
    make_file_system("ext4", inner);
    {
        Mount within(inner, folder() + "/inner", {"-o", "loop"});
        shell("cp -a \"$2\" \"$1\"", {within.point(), sample_tree()});
        const std::string written = checksum_of_tree(within.point());
        succeed({"sync", "-f", within.point()});
        shell("echo 3 >/proc/sys/vm/drop_caches");
        EXPECT_EQ(checksum_of_tree(within.point()), written);
        within.unmount();
    }
    check_file_system("ext4", inner);
    mount.unmount();
    check_file_system("ext4", device.block_path());
    serve.stop();
}

// A device can hold a swap area: pages swapped out come back. (The worker's own memory is not at
// stake here: there is enough.)
TEST_F(Stacked, SwapAreaIsSwitchedOnAndOff) {
    TestDevice device(full_config(32 * mib));
    Supervisor serve(device, "file:" + make_file("store.img", 32 * mib), 2);
    succeed({"mkswap", device.block_path()});
    succeed({"swapon", device.block_path()});
    EXPECT_NE(succeed({"cat", "/proc/swaps"}).find(device.name()), std::string::npos);
    EXPECT_EQ(remove_device(device.number(), 0), EBUSY);
    succeed({"swapoff", device.block_path()});
    serve.stop();
}

} // namespace userblk::test
