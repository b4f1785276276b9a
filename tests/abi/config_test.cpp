// SPDX-License-Identifier: MIT
//
// What a configuration may contain, and its effect.
#include <cstring>
#include <functional>

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "tests/support/kernel_test.hpp"

namespace userblk::test {

class Config : public KernelTest {
protected:
    // The error of CREATE for a good configuration with one change; no device may exist afterwards.
    static int refused(const std::function<void(userblk_config&)>& change) {
        userblk_config config = test_config();
        change(config);
        const int error = create(config);
        if (!error)
            remove_device(config.number, USERBLK_REMOVE_FORCE);
        EXPECT_TRUE(list_devices().empty());
        return error;
    }
    static int refused_name(const char* name) {
        return refused([=](userblk_config& c) { set_name(c, name); });
    }
};

using C = userblk_config;

TEST_F(Config, SizeOfZeroIsRefused) {
    EXPECT_EQ(refused([](C& c) { c.size = 0; }), EINVAL);
}

TEST_F(Config, SizeThatIsNoMultipleOfTheBlockSizeIsRefused) {
    EXPECT_EQ(refused([](C& c) { c.size += 1; }), EINVAL);
    EXPECT_EQ(refused([](C& c) { c.size += 511; }), EINVAL);
    EXPECT_EQ(refused([](C& c) {
                  c.size += 512;
                  c.logical_block_size = 4096;
              }),
              EINVAL);
}

TEST_F(Config, SizeBeyondTheBlockLayerIsRefused) {
    EXPECT_EQ(refused([](C& c) { c.size = 1ull << 63; }), EFBIG);
    EXPECT_EQ(refused([](C& c) { c.size = ~511ull; }), EFBIG);
}

// The largest size that the block layer supports is accepted.
TEST_F(Config, LargestSizeIsAccepted) {
    TestDevice device(test_config((1ull << 63) - 4096));
    std::uint64_t size = 0;
    ASSERT_EQ(ioctl(device.block(), BLKGETSIZE64, &size), 0);
    EXPECT_EQ(size, (1ull << 63) - 4096);
}

TEST_F(Config, BlockSizeThatIsNoPowerOfTwoIsRefused) {
    for (const std::uint32_t size : {513u, 1000u, 1536u, 3072u})
        EXPECT_EQ(refused([=](C& c) { c.logical_block_size = size; }), EINVAL) << size;
}

TEST_F(Config, BlockSizeOutOfRangeIsRefused) {
    for (const std::uint32_t size : {1u, 256u, 8192u, 65536u, 1u << 31})
        EXPECT_EQ(refused([=](C& c) {
                      c.size = 1ull << 40;
                      c.logical_block_size = size;
                  }),
                  EINVAL)
            << size;
}

TEST_F(Config, PhysicalBlockSizeOutOfRangeIsRefused) {
    EXPECT_EQ(refused([](C& c) { c.physical_block_size = 3000; }), EINVAL);
    EXPECT_EQ(refused([](C& c) { c.physical_block_size = 256; }), EINVAL);
    EXPECT_EQ(refused([](C& c) { c.physical_block_size = 2 << 20; }), EINVAL);
    EXPECT_EQ(refused([](C& c) {
                  c.logical_block_size = 4096;
                  c.physical_block_size = 512;
              }),
              EINVAL);
}

TEST_F(Config, IoHintsThatAreNoMultipleOfThePhysicalBlockAreRefused) {
    EXPECT_EQ(refused([](C& c) { c.io_min = 512; }), EINVAL);
    EXPECT_EQ(refused([](C& c) { c.io_min = 4097; }), EINVAL);
    EXPECT_EQ(refused([](C& c) { c.io_opt = 2048; }), EINVAL);
}

TEST_F(Config, DepthOutOfRangeIsRefused) {
    EXPECT_EQ(refused([](C& c) { c.depth = USERBLK_MAX_DEPTH + 1; }), EINVAL);
    EXPECT_EQ(refused([](C& c) { c.depth = ~0u; }), EINVAL);
}

TEST_F(Config, QueuesOutOfRangeAreRefused) {
    EXPECT_EQ(refused([](C& c) { c.queues = USERBLK_MAX_QUEUES + 1; }), EINVAL);
    EXPECT_EQ(refused([](C& c) { c.queues = ~0u; }), EINVAL);
}

// Each value is within its range, but with the depth rounded up there are more slots than ids.
TEST_F(Config, TooManySlotsAreRefused) {
    EXPECT_EQ(refused([](C& c) {
                  c.queues = 256;
                  c.depth = 129;
              }),
              EINVAL);
    EXPECT_EQ(refused([](C& c) {
                  c.queues = USERBLK_MAX_QUEUES;
                  c.depth = USERBLK_MAX_DEPTH;
              }),
              EINVAL);
}

// The maximum of queues and depth: CREATE reduces the queues to the number of processors and
// reports it.
TEST_F(Config, MostQueuesAndDepthAreAccepted) {
    userblk_config config = test_config();
    config.queues = 256;
    config.depth = 128;
    TestDevice many(config);
    EXPECT_GE(many.config().queues, 1u);
    EXPECT_LE(many.config().queues, processors());
    EXPECT_EQ(many.config().depth, 128u);
    config = test_config();
    config.depth = USERBLK_MAX_DEPTH;
    TestDevice deep(config);
    EXPECT_EQ(deep.config().depth, USERBLK_MAX_DEPTH);
    EXPECT_EQ(deep.config().queues, 1u);
}

TEST_F(Config, TransferOutOfRangeIsRefused) {
    EXPECT_EQ(refused([](C& c) { c.max_transfer = 2048; }), EINVAL);
    EXPECT_EQ(refused([](C& c) { c.max_transfer = 8 << 20; }), EINVAL);
    EXPECT_EQ(refused([](C& c) { c.max_transfer = 12288; }), EINVAL);
}

TEST_F(Config, ChunkSizeOutOfRangeIsRefused) {
    EXPECT_EQ(refused([](C& c) { c.chunk_size = 2048; }), EINVAL);
    EXPECT_EQ(refused([](C& c) { c.chunk_size = 12288; }), EINVAL);
    EXPECT_EQ(refused([](C& c) { c.chunk_size = 1; }), EINVAL);
}

TEST_F(Config, DiscardGranularityOutOfRangeIsRefused) {
    EXPECT_EQ(refused([](C& c) {
                  c.flags |= USERBLK_F_DISCARD;
                  c.discard_granularity = 3000;
              }),
              EINVAL);
    EXPECT_EQ(refused([](C& c) {
                  c.flags |= USERBLK_F_DISCARD;
                  c.discard_granularity = 256;
              }),
              EINVAL);
    EXPECT_EQ(refused([](C& c) {
                  c.flags |= USERBLK_F_DISCARD;
                  c.logical_block_size = 4096;
                  c.discard_granularity = 512;
              }),
              EINVAL);
}

TEST_F(Config, UnknownFlagIsRefused) {
    EXPECT_EQ(refused([](C& c) { c.flags |= USERBLK_F_ALL + 1; }), EINVAL);
    EXPECT_EQ(refused([](C& c) { c.flags |= 1ull << 63; }), EINVAL);
}

// A waiting time is for stores that cannot be fenced.
TEST_F(Config, BadStoreClassIsRefused) {
    EXPECT_EQ(refused([](C& c) { c.store_class = USERBLK_STORE_UNFENCED + 1; }), EINVAL);
    EXPECT_EQ(refused([](C& c) { c.store_wait_ns = 1; }), EINVAL);
    EXPECT_EQ(refused([](C& c) {
                  c.store_class = USERBLK_STORE_FENCED;
                  c.store_wait_ns = 1;
              }),
              EINVAL);
}

// FUA requires a cache.
TEST_F(Config, FuaWithoutCacheIsRefused) {
    EXPECT_EQ(refused([](C& c) { c.flags |= USERBLK_F_FUA; }), EINVAL);
}

TEST_F(Config, DirtyPaddingIsRefused) {
    EXPECT_EQ(refused([](C& c) { c.reserved = 1; }), EINVAL);
    EXPECT_EQ(refused([](C& c) { c.name[USERBLK_NAME_LEN - 1] = 'x'; }), EINVAL);
    EXPECT_EQ(refused([](C& c) {
                  set_name(c, "good");
                  c.name[10] = 'x';
              }),
              EINVAL);
}

TEST_F(Config, BadNamesAreRefused) {
    for (const char* name : {".hidden", "-option", "a/b", "a b", "a\n", "tab\t", "\xc3\xa4", "a%b",
                             "a*", "\\", "../../etc"})
        EXPECT_EQ(refused_name(name), EINVAL) << name;
}

TEST_F(Config, UnterminatedNameIsRefused) {
    EXPECT_EQ(refused([](C& c) { std::memset(c.name, 'n', sizeof(c.name)); }), EINVAL);
}

TEST_F(Config, EveryKindOfGoodCharacterIsAcceptedInAName) {
    userblk_config config = test_config();
    set_name(config, "aZ09._+:-");
    TestDevice device(config);
    EXPECT_STREQ(info(device.control()).config.name, "aZ09._+:-");
    config = test_config();
    const std::string longest(USERBLK_NAME_LEN - 1, 'n');
    set_name(config, longest.c_str());
    TestDevice other(config);
    EXPECT_EQ(other.config().name, longest);
}

TEST_F(Config, ModeBeyondPermissionsIsRefused) {
    EXPECT_EQ(refused([](C& c) { c.mode = 01777; }), EINVAL);
    EXPECT_EQ(refused([](C& c) { c.mode = 0100600; }), EINVAL);
}

TEST_F(Config, NumberOutOfRangeIsRefused) {
    EXPECT_EQ(refused([](C& c) { c.number = USERBLK_MAX_DEVICES; }), EINVAL);
    EXPECT_EQ(refused([](C& c) { c.number = 0xfffffffeu; }), EINVAL);
}

// Fields of 0 are written back with the values in effect.
TEST_F(Config, DefaultsAreWrittenBack) {
    const TestDevice device;
    const userblk_config& config = device.config();
    EXPECT_EQ(config.size, default_size);
    EXPECT_EQ(config.flags, USERBLK_F_NO_PARTITIONS | USERBLK_F_REDIRECT);
    EXPECT_EQ(config.logical_block_size, 512u);
    EXPECT_EQ(config.physical_block_size, 4096u);
    EXPECT_EQ(config.io_min, 4096u);
    EXPECT_EQ(config.io_opt, 0u);
    EXPECT_EQ(config.max_transfer, 512u << 10);
    EXPECT_EQ(config.chunk_size, 0u);
    EXPECT_EQ(config.queues, 1u);
    EXPECT_EQ(config.depth, 128u);
    EXPECT_EQ(config.mode, 0600u);
    EXPECT_NE(config.number, USERBLK_ANY_NUMBER);
    EXPECT_EQ(config.queue_limit_ns, 0u);
    EXPECT_EQ(config.delivery_limit, 0u);
}

// INFO returns what CREATE wrote back.
TEST_F(Config, InfoReportsTheConfigurationInEffect) {
    userblk_config config = test_config();
    config.flags |= USERBLK_F_CACHE | USERBLK_F_FUA | USERBLK_F_DISCARD;
    config.logical_block_size = 2048;
    config.chunk_size = 64 << 10;
    config.delivery_limit = 7;
    config.queue_limit_ns = 3'600'000'000'000;
    set_name(config, "told");
    TestDevice device(config);
    const userblk_info told = info(device.control());
    EXPECT_EQ(std::memcmp(&told.config, &device.config(), sizeof(config)), 0);
}

// Users of the device see every logical block size.
TEST_F(Config, BlockSizesAreSeenByUsers) {
    for (const int size : {512, 1024, 2048, 4096}) {
        userblk_config config = test_config();
        config.logical_block_size = static_cast<std::uint32_t>(size);
        config.physical_block_size = 8192;
        TestDevice device(config);
        int logical = 0;
        unsigned int physical = 0;
        ASSERT_EQ(ioctl(device.block(), BLKSSZGET, &logical), 0);
        ASSERT_EQ(ioctl(device.block(), BLKPBSZGET, &physical), 0);
        EXPECT_EQ(logical, size);
        EXPECT_EQ(physical, 8192u);
        EXPECT_EQ(device.sysfs("queue/logical_block_size"), std::to_string(size));
    }
}

// A request of one logical block works, whatever the block size.
TEST_F(Config, OneBlockIsTheSmallestRequest) {
    for (const std::uint32_t size : {512u, 4096u}) {
        userblk_config config = test_config();
        config.logical_block_size = size;
        TestDevice device(config);
        const Io io = device.read(3 * size, size);
        const userblk_request request = take(device.control());
        EXPECT_EQ(request.offset, 3 * size);
        EXPECT_EQ(request.length, size);
        const Buffer data = pattern(size, size);
        EXPECT_EQ(put(device.control(), complete_read(request.id, data.data(), size)), 0);
        EXPECT_EQ(io->result(), 0);
        EXPECT_EQ(io->data(), data);
    }
}

// The limits given to the block layer appear in sysfs.
TEST_F(Config, LimitsAreSeenInSysfs) {
    userblk_config config = test_config(1ull << 30);
    config.flags |= USERBLK_F_CACHE | USERBLK_F_FUA | USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES |
                    USERBLK_F_STABLE_WRITES;
    config.io_min = 8192;
    config.io_opt = 1 << 20;
    config.max_transfer = 1 << 20;
    config.chunk_size = 2 << 20;
    config.discard_granularity = 65536;
    TestDevice device(config);
    EXPECT_EQ(device.sysfs("queue/minimum_io_size"), "8192");
    EXPECT_EQ(device.sysfs("queue/optimal_io_size"), "1048576");
    EXPECT_EQ(device.sysfs("queue/max_hw_sectors_kb"), "1024");
    EXPECT_EQ(device.sysfs("queue/max_sectors_kb"), "1024");
    // A page each.
    EXPECT_EQ(device.sysfs("queue/max_segments"), "256");
    EXPECT_EQ(device.sysfs("queue/chunk_sectors"), "4096");
    EXPECT_EQ(device.sysfs("queue/discard_granularity"), "65536");
    EXPECT_NE(device.sysfs("queue/discard_max_bytes"), "0");
    EXPECT_NE(device.sysfs("queue/write_zeroes_max_bytes"), "0");
    EXPECT_EQ(device.sysfs("queue/write_cache"), "write back");
    EXPECT_EQ(device.sysfs("queue/fua"), "1");
    EXPECT_EQ(device.sysfs("queue/stable_writes"), "1");
    EXPECT_EQ(device.sysfs("queue/rotational"), "0");
    EXPECT_TRUE(device.sysfs("queue/scheduler").starts_with("[none]"));
}

// Features that were not requested are absent.
TEST_F(Config, FeaturesNotAskedForAreAbsent) {
    TestDevice device;
    EXPECT_EQ(device.sysfs("queue/discard_max_bytes"), "0");
    EXPECT_EQ(device.sysfs("queue/write_zeroes_max_bytes"), "0");
    EXPECT_EQ(device.sysfs("queue/write_cache"), "write through");
    EXPECT_EQ(device.sysfs("queue/fua"), "0");
    EXPECT_EQ(device.sysfs("queue/stable_writes"), "0");
    std::uint64_t range[2] = {0, 4096};
    EXPECT_EQ(ioctl(device.block(), BLKDISCARD, range) ? errno : 0, EOPNOTSUPP);
}

TEST_F(Config, RotationalIsReported) {
    userblk_config config = test_config();
    config.flags |= USERBLK_F_ROTATIONAL;
    TestDevice device(config);
    EXPECT_EQ(device.sysfs("queue/rotational"), "1");
}

// A read-only device: reads work, nothing else reaches the queue.
TEST_F(Config, ReadOnlyDeviceRefusesWrites) {
    userblk_config config = test_config();
    config.flags |= USERBLK_F_READ_ONLY;
    TestDevice device(config);
    EXPECT_EQ(device.sysfs("ro"), "1");
    const int fd = ::open(device.block_path().c_str(), O_RDWR | O_DIRECT | O_CLOEXEC);
    const int error = errno;
    if (fd >= 0) {
        const Buffer data(4096);
        EXPECT_LT(pwrite(fd, data.data(), data.size(), 0), 0);
        ::close(fd);
    } else {
        EXPECT_TRUE(error == EROFS || error == EACCES || error == EPERM) << error;
    }
    const Io io = device.read(0, 4096);
    const userblk_request request = take(device.control());
    EXPECT_EQ(request.op, USERBLK_OP_READ);
    const Buffer data(4096);
    EXPECT_EQ(put(device.control(), complete_read(request.id, data.data(), 4096)), 0);
    EXPECT_EQ(io->result(), 0);
}

// Owner, group and mode of the control node are right from the start.
TEST_F(Config, OwnerAndModeOfTheControlNode) {
    userblk_config config = test_config();
    config.uid = nobody;
    config.gid = 1234;
    config.mode = 0640;
    TestDevice device(config);
    struct stat node {};
    ASSERT_EQ(stat(device.control_path().c_str(), &node), 0);
    EXPECT_EQ(node.st_uid, nobody);
    EXPECT_EQ(node.st_gid, 1234u);
    EXPECT_EQ(node.st_mode & 07777, 0640u);
    TestDevice plain;
    ASSERT_EQ(stat(plain.control_path().c_str(), &node), 0);
    EXPECT_EQ(node.st_uid, 0u);
    EXPECT_EQ(node.st_gid, 0u);
    EXPECT_EQ(node.st_mode & 07777, 0600u);
}

// A worker without permission cannot open the control node; one that owns it serves without any
// privilege.
TEST_F(Config, WorkerWithoutPermissionCannotOpenTheControlNode) {
    TestDevice device;
    Child child([&](ChildSide&) {
        drop_privileges();
        return ::open(device.control_path().c_str(), O_RDWR) < 0 ? errno : 0;
    });
    EXPECT_EQ(child.wait(), EACCES);
}

TEST_F(Config, OwnerOfTheControlNodeServesWithoutPrivileges) {
    userblk_config config = test_config();
    config.uid = nobody;
    TestDevice device(config);
    const Io io = device.read(4096, 4096);
    const Buffer data = pattern(4096, 3);
    Child child([&](ChildSide&) {
        drop_privileges();
        const Fd fd = device.open_control();
        userblk_request request = record();
        if (get(fd.get(), {&request, 1}, a_while).count != 1)
            return 1;
        return put(fd.get(), complete_read(request.id, data.data(), data.size()));
    });
    EXPECT_EQ(child.wait(), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(io->data(), data);
}

} // namespace userblk::test
