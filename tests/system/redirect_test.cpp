// SPDX-License-Identifier: MIT
//
// "userblkctl serve file:PATH --redirect": the kernel carries the requests out, the workers only
// say where.
#include <algorithm>
#include <csignal>
#include <memory>

#include <fcntl.h>
#include <sys/stat.h>

#include "tests/support/files.hpp"
#include "tests/support/process.hpp"
#include "tests/system/support/dm_device.hpp"
#include "tests/system/support/fio.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

// Where the store is: in memory (tmpfs), or on a disk (ext4), through the page cache or bypassing
// it.
struct Place {
    const char* name;
    bool on_disk;
    Arguments options;
    std::vector<std::string> file_systems; // created on the device
};

class RedirectTo : public SystemTest, public testing::WithParamInterface<Place> {
protected:
    static constexpr std::uint64_t size = 320 * mib;          // xfs needs at least this
    const std::uint64_t load = in_form<std::uint64_t>(24, 4); // MiB that fio writes

    void SetUp() override {
        SystemTest::SetUp();
        std::string where = folder();
        if (GetParam().on_disk) {
            const std::string disk = make_file("disk.img", size + 128 * mib);
            succeed({"modprobe", "loop"});
            make_file_system("ext4", disk);
            disk_ = std::make_unique<Mount>(disk, folder() + "/disk", Arguments{"-o", "loop"});
            where = disk_->point();
        }
        store_ = where + "/store.img";
        succeed({"truncate", "-s", std::to_string(size), store_});
    }
    void TearDown() override {
        disk_.reset();
        SystemTest::TearDown();
    }
    std::string spec() const { return "file:" + store_; }
    FioJob job(const TestDevice& device, std::chrono::seconds duration = 0s) const {
        return {
            .target = device.block_path(), .size = std::to_string(load) + "m", .runtime = duration};
    }
    // Everything went through the kernel, and nothing failed.
    static void expect_redirected(const TestDevice& device) {
        // udevd may be inspecting a disk that was just closed.
        EXPECT_TRUE(eventually([&] { return info(device.control()).redirected == 0; }));
        const auto now = info(device.control());
        EXPECT_GT(now.redirects, 0u);
        EXPECT_EQ(now.errors, 0u);
        EXPECT_EQ(now.stale, 0u);
    }

private:
    std::unique_ptr<Mount> disk_;
    std::string store_;
};

INSTANTIATE_TEST_SUITE_P(
    Store, RedirectTo,
    testing::Values(Place{"in_memory", false, {"--redirect"}, {"ext4"}},
                    Place{"on_disk", true, {"--redirect"}, {"ext4", "xfs"}},
                    Place{"on_disk_direct", true, {"--redirect", "--direct"}, {"xfs", "ext4"}}),
    [](const auto& about) { return std::string(about.param.name); });

// Small blocks, blocks split into several requests, blocks smaller than the disk's, and writes
// merged by the page cache all read back as written.
TEST_P(RedirectTo, WhatWasWrittenIsRead) {
    allow_time(300s);
    TestDevice device(full_config(size));
    Supervisor serve(device, spec(), 2, GetParam().options);
    FioJob small = job(device), large = job(device), tiny = job(device), buffered = job(device);
    large.block = "1m";
    tiny.block = "512";
    tiny.size = in_form("2m", "512k");
    buffered.direct = false;
    buffered.engine = "psync";
    for (const auto& one : {small, large, tiny, buffered})
        verify_with_fio(one);
    expect_redirected(device);
    serve.stop();
}

// A file system with a tree of files is intact and clean after a remount; the space of deleted
// files is freed.
TEST_P(RedirectTo, FileSystemsAreKept) {
    allow_time(400s);
    for (const std::string& type : GetParam().file_systems) {
        SCOPED_TRACE(type);
        TestDevice device(full_config(size));
        Supervisor serve(device, spec(), 2, GetParam().options);
        make_file_system(type, device.block_path());
        std::string written;
        {
            Mount mount(device.block_path(), folder() + "/mnt");
            shell("cp -a \"$2\" \"$1/a\"; cp -a \"$2\" \"$1/b\"; sync -f \"$1\"; rm -r \"$1/b\"; "
                  "fstrim \"$1\"",
                  {mount.point(), sample_tree()});
            written = checksum_of_tree(mount.point());
            mount.unmount();
        }
        check_file_system(type, device.block_path());
        Mount mount(device.block_path(), folder() + "/mnt", {"-o", "ro"});
        shell("echo 3 >/proc/sys/vm/drop_caches");
        EXPECT_EQ(checksum_of_tree(mount.point()), written);
        mount.unmount();
        EXPECT_GT(info(device.control()).discards, 0u);
        expect_redirected(device);
        serve.stop();
    }
}

// The same load with and without --redirect: without it the workers read and write at least as much
// as the load, with it nothing.
TEST_P(RedirectTo, WorkersMoveNoData) {
    allow_time(240s);
    std::uint64_t moved[2] = {};
    for (const bool redirect : {false, true}) {
        TestDevice device(full_config(size));
        Supervisor serve(device, spec(), 2, redirect ? GetParam().options : Arguments{});
        EXPECT_TRUE(answers(device));
        const auto workers = serve.workers();
        const std::uint64_t before = moved_by(workers);
        verify_with_fio(job(device));
        EXPECT_EQ(serve.workers(), workers);
        moved[redirect] = moved_by(workers) - before;
        const userblk_info now = info(device.control());
        EXPECT_EQ(now.redirects, redirect ? now.gets - now.given_back : 0);
        serve.stop();
    }
    figure(std::string(GetParam().name) + ", bytes moved by workers without / with --redirect",
           std::to_string(moved[0]) + " / " + std::to_string(moved[1]));
    EXPECT_GE(moved[0], 2 * mib * load); // written, and read back
    EXPECT_EQ(moved[1], 0u);
}

// All workers are killed repeatedly under verified writes; requests that the kernel had accepted
// continue without them, requests that were merely taken are put back, and fio finds no error.
TEST_P(RedirectTo, WorkersAreKilledUnderFio) {
    const auto duration = in_form(60s, 6s);
    allow_time(duration + 240s);
    TestDevice device(full_config(size));
    Supervisor serve(device, spec(), 4, GetParam().options);
    EXPECT_TRUE(answers(device));
    Fio fio(job(device, duration));
    std::vector<Blow> blows;
    Dice dice;
    const auto end = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < end && fio.running()) {
        dice.sleep_up_to(800ms);
        blows.push_back(strike(
            device, [&] { serve.kill_workers(); },
            [&] {
                EXPECT_TRUE(await_healed(device));
                std::this_thread::sleep_for(500ms);
            }));
    }
    fio.finish();
    figure(std::string(GetParam().name) + ", kills of all workers / met taken requests",
           std::to_string(blows.size()) + " / " + std::to_string(count_met(blows)));
    EXPECT_GT(blows.size(), 0u);
    expect_redirected(device);
    serve.stop();
}

class Redirect : public SystemTest {};

class RedirectedWhenAllDie : public Redirect, public testing::WithParamInterface<bool> {
protected:
    static void signal_each(const std::vector<pid_t>& pids, int signal) {
        for (const pid_t pid : pids)
            kill(pid, signal);
    }
    // Waits until a redirected request hangs; others may pass meanwhile.
    static bool await_stuck(const TestDevice& device) {
        unsigned int looks = 0;
        return eventually([&] {
            looks = info(device.control()).redirected > 0 ? looks + 1 : 0;
            return looks == 15;
        });
    }
};

INSTANTIATE_TEST_SUITE_P(Requests, RedirectedWhenAllDie, testing::Bool(), [](const auto& direct) {
    return std::string(direct.param ? "direct" : "buffered");
});

// The store is another device, whose workers are stopped until all servers of the upper device have
// been killed: with requests on their way to the store, one of fio's or one beside it. These
// complete without any server once the store goes on; requests not yet taken wait for a new
// supervisor, and fio finds no error.
TEST_P(RedirectedWhenAllDie, NobodyIsNeededForWhatWasAccepted) {
    const auto duration = in_form(60s, 6s);
    allow_time(duration + 240s);
    TestDevice disk(full_config(64 * mib));
    Supervisor store(disk, "delay=20ms,mem:", 4);
    EXPECT_TRUE(answers(disk));
    TestDevice device(full_config(64 * mib));
    const std::string spec = "file:" + disk.block_path();
    const Arguments options =
        GetParam() ? Arguments{"--redirect", "--direct"} : Arguments{"--redirect"};
    auto serve = std::make_unique<Supervisor>(device, spec, 2, options);
    EXPECT_TRUE(answers(device));
    Fio fio({.target = device.block_path(), .size = "16m", .runtime = duration});
    unsigned int kills = 0;
    while (fio.running()) {
        shell("echo 1 >/proc/sys/vm/drop_caches"); // fio's blocks, and those of the last round
        signal_each(store.workers(), SIGSTOP);
        const Io beside = device.read((32 + kills++ % 32) * mib, 4096);
        EXPECT_TRUE(await_stuck(device));
        serve->kill_all();
        EXPECT_GT(info(device.control()).redirected, 0u);
        signal_each(store.workers(), SIGCONT);
        EXPECT_TRUE(eventually([&] { return info(device.control()).redirected == 0; }));
        serve = std::make_unique<Supervisor>(device, spec, 2, options);
        EXPECT_EQ(beside->result(), 0);
        std::this_thread::sleep_for(500ms);
    }
    fio.finish();
    figure(std::string(GetParam() ? "direct" : "buffered") + ", kills of everybody",
           std::to_string(kills));
    EXPECT_GT(kills, 0u);
    EXPECT_EQ(info(device.control()).errors, 0u);
    serve->stop();
    store.stop();
}

// On a device whose creator did not allow it, --redirect is refused, and the message says what
// would be right.
TEST_F(Redirect, IsRefusedWhereTheDeviceDoesNotAllowIt) {
    userblk_config config = full_config(64 * mib);
    config.flags |= USERBLK_F_NO_REDIRECT;
    TestDevice device(config);
    const std::string spec = "file:" + make_file("store.img", 64 * mib);
    const Outcome outcome = run({built("userblkctl"), "serve", device.name(), spec, "--redirect"});
    EXPECT_EQ(outcome.status, 1) << outcome.text();
    EXPECT_NE(outcome.err.find("--allow-redirect"), std::string::npos) << outcome.err;
}

// A store truncated to less than the device's size: reads past its end fail, with no stale bytes;
// the rest goes on.
TEST_F(Redirect, AStoreThatWasCutOffGivesErrors) {
    const std::string store = make_file("store.img", 64 * mib);
    TestDevice device(full_config(64 * mib));
    Supervisor serve(device, "file:" + store, 2, {"--redirect"});
    EXPECT_TRUE(answers(device));
    succeed({"truncate", "-s", "32M", store});
    const Fd fd = open_file(device.block_path(), O_RDWR | O_DIRECT);
    Buffer data(4096);
    EXPECT_EQ(pread(fd.get(), data.data(), 4096, 48 * mib), -1);
    EXPECT_EQ(errno, EIO);
    EXPECT_EQ(pread(fd.get(), data.data(), 4096, 16 * mib), 4096);
    serve.stop();
}

// INFO and the tools count what is redirected.
TEST_F(Redirect, IsShownByTheTools) {
    TestDevice device(full_config(64 * mib));
    Supervisor serve(device, "file:" + make_file("store.img", 64 * mib), 2, {"--redirect"});
    EXPECT_TRUE(answers(device));
    const std::string stats = succeed({built("userblkctl"), "stats", device.name(), "--json"});
    EXPECT_NE(stats.find("\"redirects\""), std::string::npos) << stats;
    const std::string facts = succeed({built("userblkctl"), "info", device.name(), "--json"});
    EXPECT_NE(facts.find("\"redirected\""), std::string::npos) << facts;
    EXPECT_NE(facts.find("\"redirect\""), std::string::npos) << facts;
    serve.stop();
}

// Reading a file updates its access time, for which its file system may have to wait for its
// journal, and the worker with it: here for a disk that does not answer. Requests answered earlier
// in the same call do not wait.
TEST_F(Redirect, AnAnswerDoesNotWaitForTheJournalOfAnother) {
    DmDevice disk("userblk-test-journal", 64 * mib);
    const FileSystem file_system("ext4", disk.path());
    const Fd file = file_system.make_file("file", mib);
    const Buffer data = file_content(file.get(), 0, 4096); // in the page cache
    TestDevice device(full_config(64 * mib));
    // The access time is older than the change time, which the journal is about to write.
    const timespec times[] = {{1, 0}, {0, UTIME_NOW}};
    ASSERT_EQ(futimens(file.get(), times), 0);
    disk.suspend();
    const Io commit = start_thread([&] { return fsync(file.get()) ? errno : 0; });
    EXPECT_TRUE(eventually([] {
        return run_command({"sh", "-c", "ps -e -o stat=,comm= | grep -q '^D.*jbd2/dm-'"}).status ==
               0;
    }));
    const Io first = device.read(0, 4096), second = device.read(1 * mib, 4096);
    Child worker([&](ChildSide&) -> int {
        const userblk_request one = take(device.control()), other = take(device.control());
        userblk_answer answers[] = {complete_read(one.id, data.data(), one.length),
                                    redirect(other, file.get(), 0)};
        const PutResult result = put(device.control(), answers);
        return result.error || result.failed;
    });
    EXPECT_TRUE(eventually([&] { return first->finished(); })) << "an answer waits for a journal";
    const bool waits = !second->finished();
    disk.resume();
    EXPECT_TRUE(waits) << "the journal was not busy";
    EXPECT_EQ(worker.wait(), 0);
    EXPECT_EQ(first->result(), 0);
    EXPECT_EQ(second->result(), 0);
    EXPECT_EQ(commit->result(), 0);
}

} // namespace userblk::test
