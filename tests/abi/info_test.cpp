// SPDX-License-Identifier: MIT
//
// INFO and sysfs: the state of a device, reported without waiting and without side effects.
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/support/kernel_test.hpp"

namespace userblk::test {

class Info : public KernelTest {};
class Sysfs : public KernelTest {};

// A device that was just created has no users, no requests and zero counters.
TEST_F(Info, OfANewDevice) {
    TestDevice device(test_config(), TestDevice::Begin::not_served);
    const userblk_info state = info(device.control());
    EXPECT_EQ(state.state, USERBLK_STATE_NEW);
    EXPECT_EQ(state.openers, 0u);
    EXPECT_EQ(state.taken_count, 0u);
    EXPECT_EQ(state.queued, 0u);
    EXPECT_EQ(state.taken, 0u);
    EXPECT_EQ(state.orphaned, 0u);
    EXPECT_EQ(state.oldest_queued_ns, 0u);
    EXPECT_EQ(state.oldest_taken_ns, 0u);
    EXPECT_EQ(state.reads, 0u);
    EXPECT_EQ(state.gets, 0u);
    EXPECT_EQ(state.config.size, default_size);
    for (const std::uint64_t reserved : state.reserved)
        EXPECT_EQ(reserved, 0u);
}

TEST_F(Info, ReportsWhetherTheDeviceIsOpen) {
    TestDevice device;
    {
        const Fd block = open_file(device.block_path(), O_RDONLY);
        EXPECT_GE(info(device.control()).openers, 1u);
    }
    EXPECT_EQ(info(device.control()).openers, 0u);
}

// Every field of a taken request's record.
TEST_F(Info, ReportsTakenRequests) {
    TestDevice device;
    device.read(65536, 8192);
    device.write(1 << 20, Buffer(4096));
    const userblk_request read = take(device.control());
    Child child([&](ChildSide& side) -> int {
        side.tell(take(device.control()).id);
        side.sleep_for_ever();
    });
    const std::uint64_t write_id = child.await();
    const std::vector<userblk_taken> list = taken_list(device.control());
    ASSERT_EQ(list.size(), 2u);
    const userblk_taken& one = list[0].id == read.id ? list[0] : list[1];
    const userblk_taken& other = list[0].id == read.id ? list[1] : list[0];
    EXPECT_EQ(one.id, read.id);
    EXPECT_EQ(one.offset, 65536u);
    EXPECT_EQ(one.length, 8192u);
    EXPECT_EQ(one.op, USERBLK_OP_READ);
    EXPECT_EQ(one.flags, 0u);
    EXPECT_EQ(one.pid, getpid());
    EXPECT_EQ(one.deliveries, 1u);
    EXPECT_EQ(one.dead_ns, 0u);
    EXPECT_EQ(other.id, write_id);
    EXPECT_EQ(other.op, USERBLK_OP_WRITE);
    EXPECT_EQ(other.pid, child.pid());
    child.signal(SIGKILL);
    EXPECT_TRUE(eventually([&] { return info(device.control()).orphaned == 1; }));
    for (const userblk_taken& taken : taken_list(device.control()))
        EXPECT_EQ(taken.flags, taken.id == write_id ? USERBLK_TAKEN_ORPHAN : 0u);
}

TEST_F(Info, AgesGrow) {
    TestDevice device;
    device.read_many(2);
    take(device.control());
    EXPECT_TRUE(eventually([&] {
        const userblk_info state = info(device.control());
        return state.oldest_queued_ns >= 50'000'000 && state.oldest_taken_ns >= 50'000'000 &&
               taken_list(device.control()).at(0).held_ns >= 50'000'000;
    }));
}

// An array with fewer records than requests is filled, and nothing beyond it is written.
TEST_F(Info, ListThatIsTooSmallIsFilled) {
    TestDevice device;
    device.read_many(5);
    take_up_to(device.control(), 5);
    std::vector<userblk_taken> list(3);
    list[2].id = 12345;
    userblk_info argument = info_argument({list.data(), 2});
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_INFO, &argument), 0);
    EXPECT_EQ(argument.taken_count, 2u);
    EXPECT_EQ(argument.taken, 5u);
    EXPECT_NE(list[1].length, 0u);
    EXPECT_EQ(list[2].id, 12345u);
}

// INFO reports who serves now, not whether anybody ever did. One worker waits in GET; another has
// taken once and polls since. They die, one as a zombie, one by exec, and INFO reports since when
// nobody serves. The next worker ends that; one that is stopped still counts.
TEST_F(Info, ReportsWorkersAndUnservedTime) {
    TestDevice device(test_config(), TestDevice::Begin::not_served);
    const auto servers = [&] { return info(device.control()).servers; };
    const auto waiting = [&](ChildSide& side) {
        userblk_request request = record();
        side.tell();
        return get(device.control(), {&request, 1}, for_ever).error;
    };
    EXPECT_TRUE(info(device.control()).features & USERBLK_FEATURE_SERVERS);
    EXPECT_EQ(servers(), 0u);
    EXPECT_EQ(info(device.control()).unserved_ns, 0u);
    EXPECT_EQ(device.sysfs("userblk/unserved_ms"), "0");
    Child idle(waiting);
    idle.await();
    EXPECT_TRUE(eventually([&] { return servers() == 1; }));
    Child polling([&](ChildSide& side) {
        const Fd node = device.open_control(); // closed by the exec
        userblk_request request = record();
        get(node.get(), {&request, 1});
        side.tell();
        side.await();
        execl("/bin/sleep", "sleep", "1000", nullptr);
        return 1;
    });
    polling.await();
    EXPECT_EQ(servers(), 2u);
    EXPECT_EQ(device.sysfs("userblk/servers"), "2");
    idle.signal(SIGKILL);
    EXPECT_TRUE(idle.becomes_zombie());
    EXPECT_TRUE(eventually([&] { return servers() == 1; }));
    EXPECT_EQ(info(device.control()).unserved_ns, 0u);
    polling.tell();
    EXPECT_TRUE(eventually([&] { return servers() == 0; }));
    const std::uint64_t unserved = info(device.control()).unserved_ns;
    EXPECT_GT(unserved, 0u);
    EXPECT_TRUE(
        eventually([&] { return info(device.control()).unserved_ns >= unserved + 20'000'000; }));
    EXPECT_GE(std::stoull(device.sysfs("userblk/unserved_ms")), 20u);
    EXPECT_EQ(info(device.control()).state, USERBLK_STATE_SERVED);
    EXPECT_EQ(device.sysfs("userblk/state"), "served");
    Child next(waiting);
    next.await();
    EXPECT_TRUE(eventually([&] { return servers() == 1; }));
    next.stop();
    EXPECT_EQ(servers(), 1u);
    EXPECT_EQ(info(device.control()).unserved_ns, 0u);
    EXPECT_EQ(device.sysfs("userblk/unserved_ms"), "0");
}

// A worker executes another program with its descriptor left open, which notifies nobody: from then
// on nobody serves.
TEST_F(Info, ServerThatExecutedAnotherProgramServesNoMore) {
    TestDevice device;
    Child server([&](ChildSide& side) {
        const Fd node = device.open_control();
        fcntl(node.get(), F_SETFD, 0);
        userblk_request request = record();
        get(node.get(), {&request, 1});
        side.tell();
        side.await();
        execl("/bin/sleep", "sleep", "1000", nullptr);
        return 1;
    });
    server.await();
    EXPECT_EQ(info(device.control()).servers, 1u);
    server.tell();
    EXPECT_TRUE(eventually([&] { return info(device.control()).servers == 0; }));
    EXPECT_TRUE(eventually([&] { return info(device.control()).unserved_ns >= 20'000'000; }));
    EXPECT_LT(info(device.control()).unserved_ns, 3600'000'000'000u);
}

// An array larger than the number of slots.
TEST_F(Info, HugeListIsNoProblem) {
    TestDevice device;
    device.read(0, 4096);
    take(device.control());
    userblk_taken one{};
    userblk_info argument = info_argument({&one, 1});
    argument.taken_count = 0xffffffffu;
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_INFO, &argument), 0);
    EXPECT_EQ(argument.taken_count, 1u);
}

TEST_F(Info, WrongRecordSizeIsRefused) {
    TestDevice device;
    for (const std::uint32_t size : {0u, 8u, std::uint32_t{sizeof(userblk_taken)} + 8}) {
        userblk_taken one{};
        userblk_info argument = info_argument({&one, 1});
        argument.taken_size = size;
        EXPECT_EQ(ioctl_error(device.control(), USERBLK_INFO, &argument), ENOTTY) << size;
    }
}

TEST_F(Info, BadPointersAreRefusedAndNothingIsLost) {
    TestDevice device;
    device.read(0, 4096);
    take(device.control());
    userblk_info argument = info_argument();
    argument.taken_list = bad_address;
    argument.taken_count = 1;
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_INFO, &argument), EFAULT);
    argument = info_argument();
    argument.taken_count = 1;
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_INFO, &argument), EFAULT);
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_INFO, reinterpret_cast<void*>(bad_address)),
              EFAULT);
    EXPECT_EQ(info(device.control()).taken, 1u);
}

// The attributes are world-readable and agree with INFO.
TEST_F(Sysfs, AgreesWithInfo) {
    userblk_config config = test_config();
    set_name(config, "named");
    TestDevice device(config, TestDevice::Begin::not_served);
    EXPECT_EQ(device.sysfs("userblk/state"), "new");
    announce_service(device.control());
    device.read_many(4);
    const std::vector<userblk_request> taken = take_up_to(device.control(), 2);
    ASSERT_EQ(taken.size(), 2u);
    put(device.control(), complete(taken[0].id, -EIO));
    put(device.control(), complete(taken[0].id, -EIO));
    Child([&](ChildSide&) {
        take(device.control());
        return 0;
    }).wait();
    EXPECT_EQ(device.sysfs("userblk/name"), "named");
    EXPECT_EQ(device.sysfs("userblk/state"), "served");
    EXPECT_EQ(device.sysfs("userblk/size"), std::to_string(default_size));
    EXPECT_EQ(device.sysfs("userblk/queued"), "1");
    EXPECT_EQ(device.sysfs("userblk/taken"), "2");
    EXPECT_EQ(device.sysfs("userblk/orphaned"), "1");
    EXPECT_EQ(device.sysfs("userblk/completed"), "1");
    EXPECT_EQ(device.sysfs("userblk/errors"), "1");
    EXPECT_EQ(device.sysfs("userblk/stale"), "1");
    EXPECT_EQ(reset_dead(device.control()).count, 1u);
    EXPECT_EQ(device.sysfs("userblk/resets"), "1");
    EXPECT_EQ(device.sysfs("userblk/orphaned"), "0");
    EXPECT_FALSE(device.sysfs("userblk/oldest_queued_ms").empty());
    EXPECT_FALSE(device.sysfs("userblk/oldest_taken_ms").empty());
}

// The attributes below the disk belong to the queue, and the control node has all of them: a device
// need not have a disk.
TEST_F(Sysfs, ControlNodeAgreesWithTheDisk) {
    userblk_config config = test_config();
    set_name(config, "named");
    TestDevice device(config);
    device.read_many(3);
    take(device.control());
    const std::string node = "/sys/class/userblk/userblkc" + std::to_string(device.number()) + "/";
    const auto read = [](const std::string& path) {
        std::ifstream in(path);
        std::string text;
        EXPECT_TRUE(std::getline(in, text)) << path;
        return text;
    };
    int same = 0;
    const std::string folder = "/sys/block/" + device.name() + "/userblk";
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
        const std::string name = file.path().filename();
        const std::string value = read(node + name);
        // Time passes between the two reads.
        if (name.ends_with("_ms"))
            continue;
        EXPECT_EQ(value, read(file.path())) << name;
        same++;
    }
    EXPECT_GT(same, 10);
    EXPECT_EQ(read(node + "name"), "named");
    EXPECT_EQ(read(node + "queued"), "2");
    EXPECT_EQ(read(node + "taken"), "1");
}

TEST_F(Sysfs, IsWorldReadable) {
    TestDevice device;
    const std::string folder = "/sys/block/" + device.name() + "/userblk";
    Child child([&](ChildSide&) {
        drop_privileges();
        int files = 0;
        for (const auto& file : std::filesystem::directory_iterator(folder)) {
            const std::ifstream in(file.path());
            if (!in.is_open())
                return 1;
            files++;
        }
        return files > 5 ? 0 : 2;
    });
    EXPECT_EQ(child.wait(), 0);
}

// An attribute is held open across the removal and read afterwards.
TEST_F(Sysfs, OpenFileDoesNotHoldUpRemoval) {
    TestDevice device;
    std::ifstream in("/sys/block/" + device.name() + "/userblk/queued");
    ASSERT_TRUE(in.is_open());
    EXPECT_EQ(device.remove(), 0);
    std::string text;
    EXPECT_FALSE(std::getline(in, text));
}

} // namespace userblk::test
