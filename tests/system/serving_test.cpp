// SPDX-License-Identifier: MIT
//
// Limits, sizes and memory options take effect as requested.
#include <filesystem>

#include <sys/stat.h>

#include "tests/system/support/drivers.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class Serving : public SystemTest {
protected:
    static constexpr std::uint64_t size = 8 * mib;

    static std::string printed_path(Program& driver) {
        EXPECT_TRUE(eventually([&] {
            return driver.out().find('\n') != std::string::npos || !driver.running();
        })) << driver.err();
        const std::string text = driver.out();
        return text.substr(0, text.find('\n'));
    }
    static std::string segment(const TestDevice& device) {
        return "/dev/shm/userblk-" + std::to_string(device.number()) + "-" +
               device.sysfs("diskseq");
    }
};

// Without a drain limit, held requests are answered on exit: no worker is killed, and the worker's
// request sees no error.
TEST_F(Serving, AnInfiniteDrainLimitKillsNobody) {
    TestDevice device(full_config(size));
    Supervisor serve(device, "delay=2s,mem:", 1, {"--drain-limit", "infinity"});
    const Io reader = device.read(0, 4096);
    ASSERT_TRUE(await_taken(device));
    serve.program().signal(SIGTERM);
    const Outcome outcome = serve.program().wait(2 * patience);
    EXPECT_EQ(outcome.status, 0) << outcome.text();
    EXPECT_EQ(outcome.err.find("killed"), std::string::npos) << outcome.err;
    EXPECT_EQ(info(device.control()).put_back, 0u);
    EXPECT_EQ(reader->result(), 0);
}

// The same for limits that are as good as infinite. An inspection of the device with such a
// patience waits, too, instead of giving up at once.
TEST_F(Serving, AVeryLongTimeIsNotInThePast) {
    TestDevice device(full_config(size));
    Program waiter({built("userblkctl"), "wait", device.name(), "--timeout", "106751d23h47min16s"});
    Supervisor serve(device, "delay=500ms,mem:", 1, {"--drain-limit", "106751d23h47min16s"});
    EXPECT_EQ(waiter.wait().status, 0);
    const Io reader = device.read(0, 4096);
    ASSERT_TRUE(await_taken(device));
    serve.stop();
    EXPECT_EQ(reader->result(), 0);
}

// A driver's store has its own size. --size makes the device smaller, and is refused if larger;
// then no device is left behind.
TEST_F(Serving, AnExplicitSizeIsObeyedOrRefused) {
    {
        Program driver({built("sized_driver"), "--workers", "1"});
        EXPECT_EQ(size_of_block_device(printed_path(driver)), 8 * mib);
        driver.signal(SIGTERM);
        EXPECT_EQ(driver.wait().status, 0);
    }
    {
        Program driver({built("sized_driver"), "--workers", "1", "--size", "3M"});
        EXPECT_EQ(size_of_block_device(printed_path(driver)), 3 * mib);
        driver.signal(SIGTERM);
        EXPECT_EQ(driver.wait().status, 0);
    }
    const Outcome refused = run({built("sized_driver"), "--size", "9M"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_NE(refused.err.find("--size is 9M (9437184 bytes), but the store has only 8M"),
              std::string::npos)
        << refused.err;
    EXPECT_EQ(shell("\"$1\" list --noheadings", {built("userblkctl")}), "");
    TestDevice larger(full_config(16 * mib));
    const Outcome beyond = run({built("sized_driver"), larger.name()});
    EXPECT_EQ(beyond.status, 1);
    EXPECT_NE(beyond.err.find(larger.name() + " has 16M"), std::string::npos) << beyond.err;
}

// Another user owns the file in which a device's memory would be. It is not used; the message names
// its owner and the file, and once the file is gone the device is served.
TEST_F(Serving, MemoryThatBelongsToSomebodyElseIsRefusedByName) {
    constexpr uid_t other = 65534;
    TestDevice device(full_config(size));
    const std::string path = segment(device);
    { const Fd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)); }
    ASSERT_EQ(chown(path.c_str(), other, other), 0);
    const Outcome refused = run({built("userblkctl"), "serve", device.name(), "mem:"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_NE(refused.err.find("unable to use " + path + ", which belongs to nobody (uid 65534)"),
              std::string::npos)
        << refused.err;
    EXPECT_EQ(std::filesystem::file_size(path), 0u);
    ASSERT_EQ(unlink(path.c_str()), 0);
    Supervisor serve(device, "mem:", 1);
    EXPECT_TRUE(answers(device));
    serve.stop();
}

// Named memory outlives its device. While a device is served from it, removing it is refused;
// afterwards its name removes it, and memory whose name merely starts the same stays.
TEST_F(Serving, NamedMemoryIsRemovedByItsName) {
    const Arguments remove{built("userblkctl"), "remove", "mem:kept"};
    const auto exists = [](const std::string& name) {
        return std::filesystem::exists("/dev/shm/userblk." + name);
    };
    {
        TestDevice device(full_config(size)), second(full_config(size));
        Supervisor serve(device, "mem:kept", 1), other(second, "mem:kept.discards", 1);
        EXPECT_EQ(device.write(0, pattern(4096, 5))->result(), 0);
        EXPECT_EQ(second.write(0, pattern(4096, 6))->result(), 0);
        const Outcome refused = run(remove);
        EXPECT_EQ(refused.status, 1);
        EXPECT_NE(refused.err.find("mem:kept is in use"), std::string::npos) << refused.err;
        const Io reader = second.read(0, 4096);
        EXPECT_EQ(reader->result(), 0);
        EXPECT_EQ(reader->data(), pattern(4096, 6));
        serve.stop();
        other.stop();
    }
    EXPECT_TRUE(exists("kept") && exists("kept.discards"));
    EXPECT_EQ(run(remove).status, 0);
    EXPECT_FALSE(exists("kept") || exists("kept~discards"));
    EXPECT_TRUE(exists("kept.discards"));
    const Outcome again = run(remove);
    EXPECT_EQ(again.status, 1);
    EXPECT_NE(again.err.find("there is no mem:kept"), std::string::npos) << again.err;
    EXPECT_EQ(run({built("userblkctl"), "remove", "mem:kept.discards"}).status, 0);
    EXPECT_EQ(run({built("userblkctl"), "remove", "mem:"}).status, 1);
}

} // namespace userblk::test
