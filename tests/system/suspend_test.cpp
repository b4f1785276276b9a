// SPDX-License-Identifier: MIT
//
// The machine sleeps and wakes up: with workers at work, with requests held by frozen workers, and
// with requests that nobody serves. The kernel's own suspend test (/sys/power/pm_test) stops once
// all processes are frozen, and resumes; beyond that point, the disks that this virtual machine
// runs from would not come back.
#include <csignal>

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/support/files.hpp"
#include "tests/support/server.hpp"
#include "tests/system/support/fio.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class Suspend : public SystemTest {
protected:
    void SetUp() override {
        SystemTest::SetUp();
        EXPECT_EQ(write_setting("/sys/power/pm_test", "freezer"), 0);
        EXPECT_EQ(write_setting("/sys/module/suspend/parameters/pm_test_delay", "1"), 0);
    }
    void TearDown() override {
        EXPECT_EQ(write_setting("/sys/power/pm_test", "none"), 0);
        EXPECT_EQ(write_setting("/sys/power/pm_freeze_timeout", "20000"), 0);
        SystemTest::TearDown();
    }

    // Sleeps and wakes up; returns 0 or the errno.
    static int sleep(const std::string& state = "mem") {
        return write_setting("/sys/power/state", state);
    }
    static FioJob job(const TestDevice& device, std::chrono::seconds duration) {
        return {.target = device.block_path(), .size = "2m", .runtime = duration};
    }

    TestDevice device{full_config(64 * mib)};
};

// Nothing is under way: the same workers serve afterwards, for each sleep state.
TEST_F(Suspend, OfAnIdleDevice) {
    Supervisor serve(device, "mem:", 2);
    EXPECT_TRUE(answers(device));
    const std::vector<pid_t> workers = serve.workers();
    for (const char* state : {"freeze", "mem"}) {
        EXPECT_EQ(sleep(state), 0) << state;
        EXPECT_TRUE(answers(device));
    }
    EXPECT_EQ(serve.workers(), workers);
    EXPECT_EQ(info(device.control()).put_back, 0u);
    serve.stop();
}

// Under verified writes, repeatedly, with both ways of waiting for requests. A sleep is no death:
// nothing is put back, and fio finds no error.
TEST_F(Suspend, UnderFio) {
    const int cycles = long_form() ? 20 : 1;
    for (const char* wait : {"poll", "serve"}) {
        allow_time(std::chrono::seconds(10 * cycles) + 120s);
        Supervisor serve(device, "delay=1ms,mem:", 2, {"--wait", wait});
        EXPECT_TRUE(answers(device));
        const std::vector<pid_t> workers = serve.workers();
        Fio fio(job(device, std::chrono::seconds(4 * cycles)));
        ASSERT_TRUE(fio.await_traffic(device));
        int met = 0;
        for (int i = 0; i < cycles; i++) {
            met += await_taken(device);
            EXPECT_EQ(sleep(i % 2 ? "freeze" : "mem"), 0);
            EXPECT_TRUE(fio.running()) << "fio ended before the sleep";
        }
        fio.finish();
        EXPECT_GT(met, 0);
        figure(std::string("suspended under fio, waiting in ") + wait,
               std::to_string(cycles) + ", with requests taken " + std::to_string(met));
        EXPECT_EQ(serve.workers(), workers);
        EXPECT_EQ(info(device.control()).put_back, 0u);
        EXPECT_EQ(info(device.control()).errors, 0u);
        serve.stop();
    }
}

// Workers are frozen while they hold requests, and answer them when they wake up.
TEST_F(Suspend, OfWorkersWithRequestsInTheirHands) {
    Supervisor serve(device, "delay=1s,mem:", 2);
    EXPECT_TRUE(answers(device));
    const std::vector<Io> ios = device.read_many(8);
    ASSERT_TRUE(await_taken(device));
    EXPECT_EQ(sleep(), 0);
    for (const Io& io : ios)
        EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(info(device.control()).put_back, 0u);
    serve.stop();
}

// Nobody serves, and requests wait: through the sleep as well, until somebody serves.
TEST_F(Suspend, WithRequestsThatNobodyServes) {
    const std::vector<Io> ios = device.read_many(8);
    ASSERT_TRUE(eventually([&] { return info(device.control()).queued == 8; }));
    EXPECT_EQ(sleep(), 0);
    EXPECT_EQ(info(device.control()).queued, 8u);
    Store store = make_store(64 * mib);
    Server server(device, store);
    for (const Io& io : ios)
        EXPECT_EQ(io->result(), 0);
}

// A worker that waits in GET is interrupted, as by a signal, and one in SERVE returns with nothing,
// as the ABI documents.
TEST_F(Suspend, InterruptsWaitingWorkers) {
    Child getter([&](ChildSide& side) {
        userblk_request request = record();
        side.tell();
        return get(device.control(), {&request, 1}, for_ever).error;
    });
    Child server([&](ChildSide& side) {
        userblk_request request = record();
        userblk_serve argument = serve_argument({}, {&request, 1}, for_ever);
        side.tell();
        const int error = serve(device.control(), argument);
        return error ? error : static_cast<int>(argument.get.count);
    });
    for (Child* child : {&getter, &server}) {
        child->await();
        EXPECT_TRUE(eventually_sleeps(child->pid()));
    }
    EXPECT_EQ(sleep(), 0);
    EXPECT_EQ(getter.wait(), EINTR);
    EXPECT_EQ(server.wait(), 0);
}

// An uninterruptible wait for a disk cannot be frozen: while nobody serves the device, the machine
// stays awake, says so, and nothing is lost.
TEST_F(Suspend, IsRefusedWhileAReaderWaitsForNobody) {
    EXPECT_EQ(write_setting("/sys/power/pm_freeze_timeout", "1000"), 0);
    Program reader({"dd", "if=" + device.block_path(), "of=/dev/null", "bs=4k", "count=1",
                    "iflag=direct", "status=none"});
    ASSERT_TRUE(eventually([&] { return info(device.control()).queued == 1; }));
    ASSERT_TRUE(eventually_in_state(reader.pid(), 'D'));
    expect_kernel_log("io_schedule|blkdev");
    EXPECT_EQ(sleep(), EBUSY);
    Supervisor serve(device, "mem:", 2);
    EXPECT_EQ(reader.wait().status, 0) << reader.err();
    EXPECT_EQ(sleep(), 0);
    EXPECT_TRUE(answers(device));
    serve.stop();
}

// A redirected request is file I/O, which must complete before the machine sleeps: hibernation
// saves memory as it is, and resumes on a file system that must still match it. Here it cannot
// complete, since the file system is frozen, and the machine stays awake; once that is thawed, the
// machine sleeps.
TEST_F(Suspend, WaitsForRedirectedIo) {
    EXPECT_EQ(write_setting("/sys/power/pm_freeze_timeout", "1000"), 0);
    // Where suspend can freeze file systems itself, a failed one warns of a file system that others
    // have frozen.
    if (!access("/sys/power/freeze_filesystems", F_OK))
        expect_kernel_log("at thaw_super_locked");
    const LoopDevice loop(32 * mib);
    const FileSystem disk("ext4", loop.path());
    const Fd file = disk.make_file("file", mib), root = open_file(disk.path(), O_RDONLY);
    EXPECT_EQ(sleep(), 0);
    ASSERT_EQ(ioctl(root.get(), FIFREEZE, 0), 0);
    const Io io = device.write(0, pattern(4096, 1));
    EXPECT_EQ(put(device.control(), redirect(take(device.control()), file.get(), 0)), 0);
    EXPECT_EQ(info(device.control()).redirected, 1u);
    EXPECT_EQ(sleep(), EBUSY);
    EXPECT_FALSE(io->finished());
    ASSERT_EQ(ioctl(root.get(), FITHAW, 0), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(sleep(), 0);
    EXPECT_EQ(file_content(file.get(), 0, 4096), pattern(4096, 1));
}

} // namespace userblk::test
