// SPDX-License-Identifier: MIT
//
// Workers that hold requests and neither answer nor die: the tools show who holds what, and for how
// long; the forced forms take the requests away; everybody else goes on.
#include <filesystem>
#include <fstream>
#include <regex>

#include "tests/support/process.hpp"
#include "tests/system/support/dm_device.hpp"
#include "tests/system/support/fio.hpp"
#include "tests/system/support/fleet.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class Stuck : public SystemTest {
protected:
    static constexpr std::uint64_t size = 16 * mib;
    static constexpr std::uint64_t place = 12 * mib; // fio works below it

    void SetUp() override {
        SystemTest::SetUp();
        store_ = make_file("store.img", size);
        loop_ = folder() + "/loop";
    }
    const std::string& store() const { return store_; }

    // One worker that, after writing at the offset, loops until end_loop().
    Program start_looping(const TestDevice& device) const {
        std::ofstream(loop_).close();
        Program driver({built("troubled_driver"), device.name(), "file:" + store_, "1", "1", "loop",
                        std::to_string(place), loop_});
        EXPECT_TRUE(answers(device)) << driver.err();
        return driver;
    }
    void end_loop() const { std::filesystem::remove(loop_); }

    // The request at that offset, as INFO reports it, once it has been held for that long.
    static userblk_taken await_held(const TestDevice& device, std::chrono::nanoseconds time) {
        userblk_taken found{};
        EXPECT_TRUE(eventually([&] {
            for (const userblk_taken& taken : taken_list(device.control()))
                if (taken.offset == place && taken.op == USERBLK_OP_WRITE)
                    found = taken;
            return found.held_ns > static_cast<std::uint64_t>(time.count());
        }));
        return found;
    }
    static Outcome recover(const TestDevice& device, const Arguments& options = {}) {
        Arguments argv{built("userblk-recover"), device.name()};
        argv.insert(argv.end(), options.begin(), options.end());
        return run(argv);
    }
    // Checks that the tool reports this many requests put back.
    static void expect_put_back(const Outcome& outcome, const std::string& what) {
        EXPECT_EQ(outcome.status, 0) << outcome.text();
        EXPECT_NE(outcome.out.find(what), std::string::npos) << outcome.text();
    }
    static std::string hexadecimal(std::uint64_t id) {
        char text[24];
        std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(id));
        return text;
    }
    // A row of the tables of userblk-recover and userblkctl info.
    static void expect_row(const std::string& text, const userblk_taken& taken,
                           const std::string& op) {
        const std::string row = hexadecimal(taken.id) + " +" + op + " +" +
                                std::to_string(taken.offset) + " .* alive +" +
                                std::to_string(taken.pid) + " ";
        EXPECT_TRUE(std::regex_search(text, std::regex(row))) << row << " is not in\n" << text;
    }
    static std::uint64_t held_in_json(const std::string& json, const userblk_taken& taken) {
        const std::regex request("\\{[^{}]*\"" + hexadecimal(taken.id) + "\"[^{}]*\\}");
        std::smatch found, held;
        EXPECT_TRUE(std::regex_search(json, found, request)) << json;
        std::string text = found.str();
        std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
        EXPECT_NE(text.find("\"pid\":" + std::to_string(taken.pid)), std::string::npos) << text;
        EXPECT_NE(text.find("\"alive\":true"), std::string::npos) << text;
        EXPECT_TRUE(std::regex_search(text, held, std::regex("\"held_ns\":([0-9]+)"))) << text;
        return held.empty() ? 0 : std::stoull(held[1]);
    }

private:
    std::string store_, loop_;
};

// A worker in an endless loop: INFO, userblkctl info, userblk-recover and sysfs show what it holds,
// that it lives, and for how long it has held it, which grows. Others go on meanwhile, without an
// error.
TEST_F(Stuck, InAnEndlessLoopIsSeenAndOthersGoOn) {
    allow_time(240s);
    TestDevice device(full_config(size));
    Program driver = start_looping(device);
    const Io io = device.write(place, pattern(4096, 1));
    const userblk_taken taken = await_held(device, 1s);
    EXPECT_EQ(taken.length, 4096u);
    EXPECT_EQ(taken.deliveries, 1u);
    EXPECT_EQ(taken.flags & USERBLK_TAKEN_ORPHAN, 0);
    EXPECT_EQ(children_of(driver.pid()).empty(), false);
    EXPECT_EQ(process_state(taken.pid), 'R') << "it is not in its loop";

    const Outcome shown = recover(device);
    EXPECT_EQ(shown.status, 0) << "no dead process holds anything\n" << shown.text();
    expect_row(shown.out, taken, "write");
    const std::string told = succeed({built("userblkctl"), "info", device.name()});
    expect_row(told, taken, "write");
    EXPECT_TRUE(std::regex_search(told, std::regex("Taken: +1, the oldest for "))) << told;
    EXPECT_GE(std::stoull(device.sysfs("userblk/oldest_taken_ms")), 1000u);
    const std::uint64_t held =
        held_in_json(succeed({built("userblkctl"), "info", device.name(), "--json"}), taken);
    EXPECT_GT(held, taken.held_ns);
    EXPECT_GT(held_in_json(recover(device, {"--json"}).out, taken), held);

    Program other({built("lone_worker"), device.name(), "file:" + store()});
    Fio fio({.target = device.block_path(), .size = "8m", .runtime = 2s});
    fio.finish();
    EXPECT_FALSE(io->finished());
    EXPECT_EQ(info(device.control()).errors, 0u);
    end_loop();
    EXPECT_EQ(io->result(), 0) << "its answer is valid: nobody took the request from it";
    EXPECT_EQ(info(device.control()).stale, 0u);
    EXPECT_EQ(driver.running(), true);
}

// --reset leaves the living alone, and so does --older-than with a longer time. With a shorter
// time, --older-than takes away what the worker has held for long, and leaves what another one took
// just now. The late answer is refused; then the worker serves on.
TEST_F(Stuck, OlderThanTakesWhatWasHeldForLongAndNothingElse) {
    allow_time(240s);
    TestDevice device(full_config(size));
    Program driver = start_looping(device);
    const Io io = device.write(place, pattern(4096, 1));
    await_held(device, 6s);
    expect_put_back(recover(device, {"--reset"}), "nothing to put back");
    expect_put_back(recover(device, {"--older-than", "1h"}), "nothing to put back");
    const Io young_io = device.read(0, 4096);
    const userblk_request young = take(device.control());
    const std::uint64_t held_ms = await_held(device, 6s).held_ns / 1'000'000;
    expect_put_back(recover(device, {"--older-than", std::to_string(held_ms) + "ms"}),
                    "put 1 request back");
    const std::vector<userblk_taken> left = taken_list(device.control());
    ASSERT_EQ(left.size(), 1u);
    EXPECT_EQ(left[0].id, young.id);
    const userblk_request again = take(device.control());
    EXPECT_EQ(again.offset, place);
    EXPECT_TRUE(again.flags & USERBLK_REQ_REDELIVERED);
    EXPECT_EQ(put(device.control(), complete(again.id)), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(put(device.control(), give_back(young.id)), 0);
    EXPECT_EQ(info(device.control()).stale, 0u);

    end_loop();
    EXPECT_EQ(young_io->result(), 0) << "it serves on";
    EXPECT_EQ(info(device.control()).stale, 1u) << "its answer came late";
    EXPECT_EQ(info(device.control()).errors, 0u);
}

// --all takes requests away from everybody. Both late answers are refused; the requests are
// delivered once more and succeed.
TEST_F(Stuck, AllTakesFromEverybody) {
    allow_time(240s);
    TestDevice device(full_config(size));
    Program driver = start_looping(device);
    const Io io = device.write(place, pattern(4096, 1));
    await_held(device, 0s);
    const Io other_io = device.read(0, 4096);
    const userblk_request other = take(device.control());
    expect_put_back(recover(device, {"--all"}), "put 2 requests back");
    EXPECT_EQ(info(device.control()).taken, 0u);
    EXPECT_EQ(put(device.control(), complete(other.id, -EIO)), ESTALE);
    EXPECT_EQ(info(device.control()).stale, 1u);
    EXPECT_FALSE(io->finished() || other_io->finished());
    end_loop();
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(other_io->result(), 0);
    EXPECT_EQ(info(device.control()).stale, 2u);
    EXPECT_EQ(info(device.control()).errors, 0u);
}

// A worker whose store does not answer hangs uninterruptibly: the tools show it, and since SIGKILL
// does not end it, it is not dead, and the safe form puts nothing back. The forced form does, and
// another worker answers. The supervisor exits without it, and the device can be removed.
TEST_F(Stuck, InAStoreThatDoesNotAnswerHoldsUpNobodyElse) {
    allow_time(240s);
    DmDevice disk("userblk-test-stuck", size);
    TestDevice device(full_config(size));
    Supervisor serve(device, "file:" + disk.path(), 1, {"--spares", "0", "--drain-limit", "1s"});
    EXPECT_TRUE(answers(device));
    disk.suspend();
    const Io flush = device.flush();
    ASSERT_TRUE(await_taken(device));
    const userblk_taken taken = taken_list(device.control()).at(0);
    EXPECT_EQ(taken.op, USERBLK_OP_FLUSH);
    EXPECT_TRUE(eventually_in_state(taken.pid, 'D'));
    ::kill(taken.pid, SIGKILL);
    const Outcome shown = recover(device);
    EXPECT_EQ(shown.status, 0) << shown.text();
    expect_row(shown.out, taken, "flush");
    expect_put_back(recover(device, {"--reset"}), "nothing to put back");
    EXPECT_EQ(process_state(taken.pid), 'D') << "it is not dead";

    expect_put_back(recover(device, {"--pid", std::to_string(taken.pid)}), "put 1 request back");
    EXPECT_EQ(put(device.control(), complete(take(device.control()).id)), 0);
    EXPECT_EQ(flush->result(), 0);
    serve.program().signal(SIGTERM);
    serve.program().wait(2 * patience);
    EXPECT_TRUE(lives(taken.pid));
    device.close_block();
    EXPECT_EQ(device.remove(), 0);
    disk.resume();
    EXPECT_TRUE(eventually([&] { return !lives(taken.pid); }));
}

} // namespace userblk::test
