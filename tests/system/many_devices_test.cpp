// SPDX-License-Identifier: MIT
//
// More devices at the same time than anybody is likely to have.
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <sys/resource.h>

#include "tests/support/pending_io.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

namespace {

using Clock = std::chrono::steady_clock;

// In KiB.
std::int64_t available_memory() {
    std::ifstream in("/proc/meminfo");
    for (std::string word; in >> word;)
        if (std::int64_t value; word == "MemAvailable:" && in >> value)
            return value;
    return 0;
}

// A device without the conveniences of TestDevice.
struct Plain {
    explicit Plain(std::uint32_t number, std::uint32_t depth = 0) : config(test_config()) {
        config.number = number;
        config.depth = depth;
        EXPECT_EQ(create(config), 0);
        control = open_file("/dev/userblkc" + std::to_string(number), O_RDWR);
        announce_service(control.get());
    }
    void ask(Aio& aio) {
        block = open_file("/dev/userblk" + std::to_string(config.number), O_RDONLY | O_DIRECT);
        io = Aio::prepare(block.get(), IOCB_CMD_PREAD, 4096, Buffer(4096));
        aio.submit({&io, 1});
    }
    void serve_one() const {
        const userblk_request request = take(control.get());
        const Buffer data = pattern(4096, config.number);
        EXPECT_EQ(put(control.get(), complete_read(request.id, data.data(), data.size())), 0);
    }
    void expect_answer() {
        EXPECT_EQ(io->result(), 0);
        EXPECT_EQ(io->data(), pattern(4096, config.number));
        block.reset();
    }

    userblk_config config;
    Fd control, block;
    Io io;
};

// KASAN and the like make everything larger and slower.
std::uint32_t how_many() {
    const char* kernel = std::getenv("USERBLK_VM");
    if (kernel && std::string(kernel) == "debug")
        return long_form() ? 100 : 40;
    return long_form() ? 1000 : 250;
}

} // namespace

class ManyDevices : public SystemTest {
protected:
    void SetUp() override {
        SystemTest::SetUp();
        const rlimit limit{8192, 8192};
        ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    }
    void TearDown() override {
        for (const userblk_list_entry& entry : list_devices())
            EXPECT_EQ(remove_device(entry.number, USERBLK_REMOVE_FORCE), 0);
        SystemTest::TearDown();
    }
    static void per_device(const std::string& what, std::size_t n, Clock::time_point since,
                           std::int64_t kib = 0) {
        const auto time = std::chrono::duration<double, std::milli>(Clock::now() - since);
        char text[100];
        std::snprintf(text, sizeof(text), "%.1f ms", time.count() / static_cast<double>(n));
        figure(what,
               std::string(text) +
                   (kib ? ", " + std::to_string(kib / static_cast<std::int64_t>(n)) + " KiB" : ""));
    }
    // Several threads: most of the time is spent waiting.
    static void remove_all(const std::vector<Plain>& devices) {
        std::atomic<std::size_t> next = 0;
        std::vector<std::thread> removers;
        for (int i = 0; i < 8; i++)
            removers.emplace_back([&] {
                for (std::size_t at; (at = next++) < devices.size();)
                    EXPECT_EQ(remove_device(devices[at].config.number, 0), 0);
            });
        for (std::thread& remover : removers)
            remover.join();
    }
    static std::vector<Plain> make(std::uint32_t n, std::uint32_t depth = 0,
                                   std::uint32_t first = 0) {
        std::vector<Plain> devices;
        devices.reserve(n);
        for (std::uint32_t i = 0; i < n; i++)
            devices.emplace_back(first + i, depth);
        return devices;
    }
};

// Some devices of each depth: how much memory a device takes. The default depth comes first.
TEST_F(ManyDevices, TakeMemoryByTheirDepth) {
    const std::uint32_t n = how_many() / 10;
    std::vector<std::vector<Plain>> all;
    for (const std::uint32_t depth : {128u, 16u, 1024u}) {
        const std::int64_t before = available_memory();
        const auto since = Clock::now();
        all.push_back(make(n, depth, static_cast<std::uint32_t>(all.size()) * n));
        per_device("a device of depth " + std::to_string(depth) + ", creation", n, since,
                   before - available_memory());
    }
    EXPECT_EQ(list_devices().size(), 3 * n);
    for (const std::vector<Plain>& some : all)
        remove_all(some);
}

// Each device has one waiting read, is served, and is removed; as many new devices get the same
// numbers. Descriptors of the old ones stay dead and touch none of the new ones.
TEST_F(ManyDevices, AreMadeServedAndRemoved) {
    allow_time(400s);
    const std::uint32_t n = how_many();
    Aio aio(n);
    const std::int64_t before = available_memory();
    auto since = Clock::now();
    std::vector<Plain> old = make(n);
    per_device("one of " + std::to_string(n) + " devices, creation", n, since,
               before - available_memory());
    EXPECT_EQ(list_devices().size(), n);

    since = Clock::now();
    for (Plain& device : old)
        device.ask(aio);
    for (const Plain& device : old)
        EXPECT_EQ(poll_events(device.control.get(), POLLIN), POLLIN);
    for (const Plain& device : old)
        device.serve_one();
    for (Plain& device : old)
        device.expect_answer();
    per_device("one of them, open, one read, close", n, since);

    since = Clock::now();
    remove_all(old);
    per_device("one of them, removal, eight at a time", n, since);
    EXPECT_TRUE(list_devices().empty());

    std::vector<Plain> young = make(n / 10);
    for (Plain& device : young)
        device.ask(aio);
    for (const Plain& device : old) {
        userblk_request request = record();
        EXPECT_EQ(get(device.control.get(), {&request, 1}).error, ENODEV);
        EXPECT_EQ(reset_all(device.control.get()).error, ENODEV);
        EXPECT_EQ(poll_events(device.control.get(), POLLIN), POLLHUP | POLLERR);
    }
    for (Plain& device : young) {
        EXPECT_EQ(info(device.control.get()).queued, 1u);
        device.serve_one();
        device.expect_answer();
    }
    old.clear();
    remove_all(young);
    figure("memory that did not come back", std::to_string(before - available_memory()) + " KiB");
}

} // namespace userblk::test
