// SPDX-License-Identifier: MIT
//
// Workers without privileges: they serve the device granted to them as well as root does, and
// cannot touch any other.
#include <atomic>
#include <csignal>
#include <filesystem>
#include <set>
#include <thread>

#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "tests/support/server.hpp"
#include "tests/system/support/fio.hpp"
#include "tests/system/support/system_test.hpp"
#include "tests/system/support/unprivileged.hpp"

namespace userblk::test {

class Unprivileged : public SystemTest, public testing::WithParamInterface<Kind> {
protected:
    static constexpr std::uint64_t size = 64 * mib;

    void SetUp() override {
        SystemTest::SetUp();
        std::filesystem::permissions(folder(), std::filesystem::perms(0755));
    }
    static Program::Prepare prepare() {
        return [] { become(GetParam()); };
    }
    // The build directory may be readable by root only.
    std::string copied(const std::string& program) const {
        const std::string path = folder() + "/" + program;
        if (!std::filesystem::exists(path))
            std::filesystem::copy_file(built(program), path);
        return path;
    }
    // A store that user nobody owns.
    std::string store() const {
        const std::string path = folder() + "/store.img";
        if (!std::filesystem::exists(path))
            make_file("store.img", size);
        EXPECT_EQ(chown(path.c_str(), nobody, nobody), 0);
        return "delay=1ms,file:" + path;
    }
    Program worker(const TestDevice& device) const {
        return Program({copied("lone_worker"), device.control_path(), store()}, prepare());
    }
    FioJob job(const TestDevice& device, std::chrono::seconds duration) const {
        return {.target = device.block_path(), .size = "2m", .runtime = duration};
    }
};

INSTANTIATE_TEST_SUITE_P(As, Unprivileged,
                         testing::Values(Kind::plain, Kind::user_namespace, Kind::confined),
                         [](const auto& about) { return std::string(name_of(about.param)); });

// Precondition of the tests below: the child really lacks the privileges that it must not have.
TEST_P(Unprivileged, HasNoPrivileges) {
    Child child([](ChildSide&) {
        become(GetParam());
        if (GetParam() == Kind::user_namespace)
            return getuid() ? 1 : 0;
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        __user_cap_data_struct have[2]{};
        syscall(SYS_capget, &header, have);
        if (have[0].effective | have[0].permitted | have[1].effective | have[1].permitted)
            return 2;
        if (GetParam() == Kind::confined)
            syscall(SYS_io_uring_setup, 1, nullptr);
        return getuid() == nobody ? 0 : 3;
    });
    EXPECT_EQ(child.wait(), GetParam() == Kind::confined ? 128 + SIGSYS : 0);
}

// Under verified writes one worker after the other is killed while it holds requests, and another
// one of its kind puts them back and goes on. Nobody else serves or helps.
TEST_P(Unprivileged, ServesWithFullRecovery) {
    const auto duration = long_form() ? 60s : 2s;
    allow_time(duration + 240s);
    TestDevice device(config_for_nobody(size));
    Program one = worker(device);
    Fio fio(job(device, duration));
    int kills = 0, met = 0;
    const auto end = std::chrono::steady_clock::now() + duration;
    do {
        ASSERT_TRUE(fio.await_traffic(device)) << one.err();
        catch_holder(device, {one.pid()});
        one.kill();
        kills++;
        const std::uint64_t held = info(device.control()).orphaned;
        met += held > 0;
        EXPECT_EQ(info(device.control()).taken, held);
        one = worker(device);
        EXPECT_TRUE(await_healed(device)) << one.err();
        std::this_thread::sleep_for(200ms);
    } while (std::chrono::steady_clock::now() < end && fio.running());
    fio.finish();
    EXPECT_GT(met, 0);
    EXPECT_EQ(info(device.control()).errors, 0u);
    figure(std::string(name_of(GetParam())) + ", workers killed / with requests in hand",
           std::to_string(kills) + " / " + std::to_string(met));
}

class UnprivilegedSupervisor : public Unprivileged {};

INSTANTIATE_TEST_SUITE_P(
    As, UnprivilegedSupervisor,
    testing::ValuesIn(long_form() ? std::vector{Kind::plain, Kind::user_namespace, Kind::confined}
                                  : std::vector{Kind::confined}),
    [](const auto& about) { return std::string(name_of(about.param)); });

// The same with the shipped tool: a supervisor without privileges, all of whose workers are killed.
TEST_P(UnprivilegedSupervisor, ServesWithFullRecovery) {
    const auto duration = long_form() ? 30s : 2s;
    allow_time(duration + 240s);
    TestDevice device(config_for_nobody(size));
    Program serve({copied("userblkctl"), "serve", device.control_path(), store(), "--workers", "2"},
                  prepare());
    EXPECT_TRUE(answers(device)) << serve.err();
    Fio fio(job(device, duration));
    int met = 0;
    do {
        ASSERT_TRUE(fio.await_traffic(device)) << serve.err();
        const Blow blow = strike(
            device, [&] { kill_each(children_of(serve.pid())); },
            [&] {
                EXPECT_TRUE(await_healed(device));
                std::this_thread::sleep_for(500ms);
            });
        met += blow.met;
    } while (fio.running() && !met);
    fio.finish();
    EXPECT_GT(met, 0);
    EXPECT_EQ(info(device.control()).errors, 0u);
    serve.signal(SIGTERM);
    const Outcome outcome = serve.wait(2 * patience);
    EXPECT_EQ(outcome.status, 0) << outcome.text();
}

// root opens the control device and hands it down: the worker cannot create, remove or list
// devices, whatever its namespace calls itself. Nor can it open the control device itself.
TEST_P(Unprivileged, CannotCreateOrRemove) {
    TestDevice device(config_for_nobody());
    const Fd control = open_file(control_device_path, O_RDWR);
    Child child([&](ChildSide&) {
        become(GetParam());
        userblk_config config = test_config();
        userblk_remove remove{device.number(), USERBLK_REMOVE_FORCE, 0};
        userblk_list list{};
        list.entry_size = sizeof(userblk_list_entry);
        const bool refused = open(control_device_path, O_RDWR) < 0 && errno == EACCES &&
                             ioctl_error(control.get(), USERBLK_CREATE, &config) == EPERM &&
                             ioctl_error(control.get(), USERBLK_REMOVE, &remove) == EPERM &&
                             ioctl_error(control.get(), USERBLK_LIST, &list) == EPERM;
        return refused ? 0 : 1;
    });
    EXPECT_EQ(child.wait(), 0);
    EXPECT_EQ(list_devices().size(), 1u);
}

// Another device has requests queued and taken. The worker cannot open it in any way, and nothing
// that it does on its own node, with the other device's ids and payload places, affects it.
TEST_P(Unprivileged, CannotTouchAnotherDevice) {
    TestDevice mine(config_for_nobody()), other;
    const Io write = other.write(0, pattern(4096, 9));
    const std::vector<Io> reads = other.read_many(5);
    const std::vector<userblk_request> held = take_each(other.control(), 4);
    struct stat node {};
    ASSERT_EQ(stat(other.control_path().c_str(), &node), 0);
    Child child([&](ChildSide&) -> int {
        become(GetParam());
        const auto refused = [](const std::string& path, int flags) {
            return open(path.c_str(), flags) < 0 && errno == EACCES;
        };
        for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR})
            if (!refused(other.control_path(), flags) || !refused(other.block_path(), flags))
                return 1;
        if (!mknod("/tmp/userblk-node", S_IFCHR | 0666, node.st_rdev) || errno != EPERM)
            return 2;
        const Fd fd = mine.open_control();
        for (const userblk_request& request : held) {
            char byte;
            if (put(fd.get(), complete(request.id)) != ESTALE ||
                put(fd.get(), give_back(request.id)) != ESTALE ||
                put(fd.get(), adopt(request.id)) != ESTALE ||
                reset_id(fd.get(), request.id).count ||
                pread(fd.get(), &byte, 1, static_cast<off_t>(request.payload)) >= 0 ||
                pwrite(fd.get(), &byte, 1, static_cast<off_t>(request.payload)) >= 0)
                return 3;
        }
        userblk_request request = record();
        if (reset_all(fd.get()).count || reset_pid(fd.get(), getppid()).count ||
            reset_older(fd.get(), 0).count || get(fd.get(), {&request, 1}).count ||
            !taken_list(fd.get()).empty())
            return 4;
        if (GetParam() == Kind::user_namespace && !unshare(CLONE_NEWNS) &&
            !mount("devtmpfs", "/mnt", "devtmpfs", 0, nullptr))
            return 5;
        return 0;
    });
    EXPECT_EQ(child.wait(), 0);
    const userblk_info now = info(other.control());
    EXPECT_EQ(now.taken, 4u);
    EXPECT_EQ(now.queued, 2u);
    EXPECT_EQ(now.stale + now.put_back + now.given_back, 0u);
    EXPECT_EQ(reset_all(other.control()).count, 4u);
    Store store = make_store(default_size);
    Server server(other, store);
    EXPECT_EQ(write->result(), 0);
    for (const Io& io : reads)
        EXPECT_EQ(io->result(), 0);
}

class ControlNode : public SystemTest {};

// Devices come and go while one process watches their nodes all the time, and another one, without
// privileges, tries to open them. Nobody ever sees permissions other than the requested ones, or an
// owner other than root and the requested one; and nobody opens a node that belongs to root.
TEST_F(ControlNode, IsNeverThereWithOtherPermissions) {
    userblk_config config = test_config();
    config.number = 7;
    const std::string path = "/dev/userblkc7";
    Child intruder([&](ChildSide& side) {
        drop_privileges();
        side.tell();
        for (;;)
            if (open(path.c_str(), O_RDONLY) >= 0 || (errno != EACCES && errno != ENOENT))
                return 1;
    });
    intruder.await();
    // Odd while a device exists or is on its way; every other device belongs to root alone.
    std::atomic<unsigned int> round = 0;
    std::atomic<std::uint64_t> seen = 0;
    std::atomic<bool> over = false;
    std::set<std::string> wrong;
    std::thread watcher([&] {
        while (!over) {
            struct stat node {};
            const unsigned int before = round;
            const bool there = !stat(path.c_str(), &node);
            if (!there || before != round || before % 2 == 0)
                continue;
            seen++;
            // The kernel creates the node and then changes its owner: never with more permissions
            // than requested.
            const bool given = before % 4 == 1;
            const bool more = (node.st_mode & 07777) & ~(given ? 0660u : 0600u);
            const bool strangers = (node.st_uid && (!given || node.st_uid != 1001)) ||
                                   (node.st_gid && (!given || node.st_gid != 1002));
            if (more || strangers)
                wrong.insert(std::to_string(node.st_uid) + ":" + std::to_string(node.st_gid) + " " +
                             std::to_string(node.st_mode) + (given ? " given" : ""));
        }
    });
    for (int i = 0; i < (long_form() ? 500 : 16); i++) {
        const bool given = i % 2 == 0;
        config.mode = given ? 0660 : 0; // the default
        config.uid = given ? 1001 : 0;
        config.gid = given ? 1002 : 0;
        round++;
        TestDevice device(config);
        struct stat node {};
        EXPECT_EQ(stat(path.c_str(), &node), 0);
        EXPECT_EQ(node.st_mode & 07777, given ? 0660u : 0600u);
        EXPECT_EQ(node.st_uid, config.uid);
        EXPECT_EQ(node.st_gid, config.gid);
        EXPECT_EQ(device.remove(), 0);
        round++;
    }
    over = true;
    watcher.join();
    EXPECT_EQ(process_state(intruder.pid()) == 'Z', false)
        << "it opened a node that belongs to root";
    EXPECT_EQ(wrong, std::set<std::string>());
    EXPECT_GT(seen, 0u);
    figure("control nodes seen as they came", std::to_string(seen));
}

} // namespace userblk::test
