// SPDX-License-Identifier: MIT
//
// A request that kills every worker that takes it.
#include <algorithm>
#include <regex>

#include "tests/support/tracing.hpp"
#include "tests/system/support/fio.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class Poison : public SystemTest {
protected:
    static constexpr std::uint64_t size = 16 * mib;
    static constexpr std::uint64_t place = 12 * mib; // fio works below it

    static userblk_config config(std::uint32_t delivery_limit) {
        userblk_config result = full_config(size);
        result.delivery_limit = delivery_limit;
        return result;
    }
    Program start(const TestDevice& device, unsigned int workers,
                  const std::string& trouble = "crash", const std::string& argument = "") const {
        Program driver({built("troubled_driver"), device.name(), "file:" + store_,
                        std::to_string(workers), "1", trouble, std::to_string(place), argument});
        EXPECT_TRUE(answers(device)) << driver.err();
        return driver;
    }
    static std::size_t count(const std::string& text, const std::string& expression) {
        const std::regex regex(expression);
        return static_cast<std::size_t>(
            std::distance(std::sregex_iterator(text.begin(), text.end(), regex), {}));
    }
    static std::size_t deaths(const Program& driver) {
        return count(driver.err(), "was killed by signal 6");
    }
    static std::size_t starts(const Program& driver) { return count(driver.err(), " serves\n"); }
    // The ids of all deliveries of the request at that offset, in order.
    static std::vector<std::uint64_t> ids_of_deliveries(const Tracing& tracing) {
        std::vector<std::uint64_t> ids;
        const std::regex expression(" id=(0x[0-9a-f]+) write offset=" + std::to_string(place) +
                                    " ");
        std::smatch found;
        for (const std::string& line : tracing.lines("userblk_get"))
            if (std::regex_search(line, found, expression))
                ids.push_back(std::stoull(found[1], nullptr, 16));
        return ids;
    }

    void SetUp() override {
        SystemTest::SetUp();
        store_ = make_file("store.img", size);
    }
    const std::string& store() const { return store_; }

private:
    std::string store_;
};

// With a limit of three deliveries, three workers die, and then the request fails, alone, with EIO.
// Its neighbours in the same batch are written, and verified writes elsewhere see no error. The
// kernel's log names the request by its last delivery's id and its offset; the supervisor's log
// reports each death, and the supervisor starts no more workers than died.
TEST_F(Poison, WithADeliveryLimitFailsAloneAndIsNamed) {
    allow_time(240s);
    TestDevice device(config(3));
    Program driver = start(device, 4);
    Fio fio({.target = device.block_path(), .size = "8m", .runtime = 3s});
    ASSERT_TRUE(fio.await_traffic(device));
    const std::size_t before = starts(driver);
    EXPECT_EQ(before, 4u);
    KernelLog log;
    Tracing tracing({"userblk/userblk_get"});
    const Io below = device.write(place - 4096, pattern(4096, 1));
    const Io poison = device.write(place, pattern(4096, 2));
    const Io above = device.write(place + 4096, pattern(4096, 3));
    EXPECT_EQ(poison->result(), EIO);
    EXPECT_EQ(below->result(), 0);
    EXPECT_EQ(above->result(), 0);
    fio.finish();
    const userblk_info now = info(device.control());
    EXPECT_EQ(now.errors, 1u);
    EXPECT_EQ(now.exhausted, 1u);
    EXPECT_TRUE(eventually([&] { return starts(driver) == before + 3; })) << driver.err();
    EXPECT_EQ(deaths(driver), 3u) << driver.err();

    const std::vector<std::uint64_t> ids = ids_of_deliveries(tracing);
    ASSERT_EQ(ids.size(), 3u);
    char named[100];
    std::snprintf(named, sizeof(named), "request %#llx, op 1, 4096 bytes at %llu, failed after 3",
                  static_cast<unsigned long long>(ids.back()),
                  static_cast<unsigned long long>(place));
    std::string lines;
    for (const std::string& line : log.read_new())
        lines += line + "\n";
    EXPECT_NE(lines.find(device.name() + ": " + named), std::string::npos)
        << named << " is not in\n"
        << lines;
    const Io reader = device.read(place + 4096, 4096);
    EXPECT_EQ(reader->result(), 0);
    EXPECT_EQ(reader->data(), pattern(4096, 3));
    driver.signal(SIGTERM);
    EXPECT_EQ(driver.wait().status, 0);
}

// Without a limit the request is retried indefinitely, ahead of all others. The supervisor does not
// spin: for each worker slot, the pauses between starts double, so only a few starts happen in this
// time, however fast the machine; its log names the request, and the option that would have ended
// this. Nothing is lost: once a worker survives the request it is written, and so is everything
// queued behind it.
TEST_F(Poison, WithoutALimitLosesNothingAndTheSupervisorBacksOff) {
    allow_time(240s);
    TestDevice device(config(0));
    Program driver = start(device, 2);
    Fio fio({.target = device.block_path(), .size = "8m", .runtime = 2s});
    ASSERT_TRUE(fio.await_traffic(device));
    const auto from = std::chrono::steady_clock::now();
    const Io poison = device.write(place, pattern(4096, 2));
    EXPECT_TRUE(eventually([&] { return deaths(driver) >= 8; })) << driver.err();
    const std::uint64_t written = info(device.control()).writes;
    EXPECT_TRUE(eventually([&] { return deaths(driver) >= 12; })) << driver.err();
    const std::uint64_t meanwhile = info(device.control()).writes - written;
    const std::size_t tried = starts(driver) - 2;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - from;
    // At once, after 50 ms, 100 ms …; surviving half a second resets the pause.
    EXPECT_LE(static_cast<double>(tried), 2 * (8 + took.count() / 0.5));
    EXPECT_FALSE(poison->finished());
    EXPECT_EQ(info(device.control()).errors, 0u);
    const std::string hint = "write of 4K at " + std::to_string(place) +
                             " was delivered three times or more while workers died";
    EXPECT_TRUE(eventually([&] { return driver.err().find(hint) != std::string::npos; }))
        << driver.err();
    EXPECT_NE(driver.err().find("--delivery-limit"), std::string::npos) << driver.err();

    Program healthy({built("lone_worker"), device.name(), "file:" + store(), "2"});
    EXPECT_EQ(poison->result(), 0);
    fio.finish();
    EXPECT_EQ(info(device.control()).errors, 0u);
    const Io reader = device.read(place, 4096);
    figure("poison without a limit, workers started / in s",
           std::to_string(tried) + " / " + std::to_string(took.count()));
    figure("poison without a limit, other writes done while four workers died of it",
           std::to_string(meanwhile));
    driver.kill();
    EXPECT_EQ(reader->result(), 0) << "the worker that survives it reads it";
    EXPECT_EQ(reader->data(), pattern(4096, 2));
}

// The supervisor's log on the death of a worker: which one, how it died, what it held, and that its
// requests were put back.
TEST_F(Poison, IsReportedInTheSupervisorsLog) {
    allow_time(180s);
    TestDevice device(config(1));
    Program driver = start(device, 1);
    EXPECT_EQ(device.write(place, pattern(4096, 2))->result(), EIO);
    EXPECT_TRUE(eventually([&] { return deaths(driver) == 1; })) << driver.err();
    const std::string told = driver.err();
    EXPECT_TRUE(std::regex_search(
        told, std::regex("worker [0-9]+ was killed by signal 6 \\(Aborted\\), holding write of 4K "
                         "at 12582912 \\(0x[0-9a-f]+, delivery 1\\); another replaces it")))
        << told;
    EXPECT_NE(told.find("put back 1 request of a process that died"), std::string::npos) << told;
    EXPECT_TRUE(answers(device)) << "the next one serves";
    driver.signal(SIGTERM);
    EXPECT_EQ(driver.wait().status, 0);
}

class PoisonedExit : public Poison, public testing::WithParamInterface<int> {};

INSTANTIATE_TEST_SUITE_P(Status, PoisonedExit, testing::Values(0, 1, 3),
                         [](const auto& about) { return std::to_string(about.param); });

// A backend calls exit() on a request, also with statuses that the library's own workers exit with
// (stopped, failed, device removed). It counts as a death like any other: the request is put back
// until its limit is reached, the log reports the status, and replacements serve on until they are
// stopped.
TEST_P(PoisonedExit, IsADeathLikeAnyOther) {
    allow_time(180s);
    TestDevice device(config(2));
    const std::string status = std::to_string(GetParam());
    Program driver = start(device, 2, "exit", status);
    EXPECT_EQ(device.write(place, pattern(4096, 2))->result(), EIO);
    EXPECT_EQ(device.write(place + 4096, pattern(4096, 3))->result(), 0) << driver.err();
    const std::regex told(
        "warning: worker [0-9]+ exited with status " + status +
        ", because its backend called exit\\(\\)(, holding write of 4K at 12582912 "
        "\\(0x[0-9a-f]+, delivery [12]\\))?; another replaces it");
    EXPECT_TRUE(eventually([&] {
        const std::string text = driver.err();
        return std::distance(std::sregex_iterator(text.begin(), text.end(), told), {}) == 2;
    })) << driver.err();
    EXPECT_TRUE(eventually([&] { return starts(driver) == 4; })) << driver.err();
    EXPECT_TRUE(driver.running());
    driver.signal(SIGTERM);
    EXPECT_EQ(driver.wait().status, 0);
}

} // namespace userblk::test
