// SPDX-License-Identifier: MIT
//
// CPUs go offline and come back, and the module is unloaded, while devices are in use.
#include <atomic>
#include <filesystem>
#include <thread>

#include "tests/support/kernel_module.hpp"
#include "tests/support/server.hpp"
#include "tests/system/support/fio.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class Processors : public SystemTest {
protected:
    static constexpr const char* second = "/sys/devices/system/cpu/cpu1/online";

    void TearDown() override {
        write_setting(second, "1");
        SystemTest::TearDown();
    }
    // Whether it completes, in a thread, so that the test can go on if it hangs.
    static bool switch_second(bool on) {
        const Io change = start_thread([on] { return write_setting(second, on ? "1" : "0"); });
        return eventually([&] { return change->finished(); }) && !change->result();
    }
    static userblk_config config_of_two_queues() {
        userblk_config config = full_config(64 * mib);
        config.queues = 2;
        return config;
    }

    TestDevice device{config_of_two_queues()};
};

// Under verified writes, with workers bound to the hardware queue of their CPU.
TEST_F(Processors, GoAndComeBackUnderFio) {
    USERBLK_REQUIRES_PROCESSORS(2);
    const auto duration = long_form() ? 60s : 3s;
    allow_time(duration + 180s);
    Supervisor serve(device, "delay=1ms,mem:", 2, {"--threads", "2", "--wait", "serve", "--pin"});
    EXPECT_TRUE(answers(device));
    Fio fio({.target = device.block_path(), .size = "2m", .runtime = duration});
    ASSERT_TRUE(fio.await_traffic(device));
    int times = 0;
    for (; fio.running() && times < 1000; times++) {
        ASSERT_TRUE(switch_second(false));
        const std::uint64_t before = info(device.control()).gets;
        EXPECT_TRUE(eventually(
            [&] { return info(device.control()).gets > before + 20 || !fio.running(); }));
        ASSERT_TRUE(switch_second(true));
    }
    fio.finish();
    EXPECT_GT(times, 0);
    EXPECT_EQ(info(device.control()).errors, 0u);
    EXPECT_EQ(info(device.control()).put_back, 0u);
    figure("processor taken away and given back under fio", std::to_string(times));
    serve.stop();
}

// Requests from both CPUs wait, a worker that does not answer holds some of them, and nobody
// serves: the CPU goes offline all the same, at once. The other CPU gets its requests served.
TEST_F(Processors, GoWhileNobodyServes) {
    USERBLK_REQUIRES_PROCESSORS(2);
    std::vector<Io> ios;
    for (unsigned int processor = 0; processor < 2; processor++) {
        const OnProcessor here(processor);
        const std::vector<Io> some = device.read_many(8);
        ios.insert(ios.end(), some.begin(), some.end());
    }
    ASSERT_TRUE(eventually([&] { return info(device.control()).queued == 16; }));
    const std::vector<userblk_request> held = take_up_to(device.control(), 4);
    ASSERT_TRUE(switch_second(false)) << "it waits for a worker";
    ios.push_back(device.write(0, pattern(4096, 1)));
    EXPECT_EQ(info(device.control()).queued, 17 - held.size());
    EXPECT_EQ(reset_all(device.control()).count, held.size());
    {
        Store store = make_store(64 * mib);
        Server server(device, store);
        for (const Io& io : ios)
            EXPECT_EQ(io->result(), 0);
    }
    ios = device.read_many(8);
    ASSERT_TRUE(switch_second(true)) << "it waits for a worker";
    Store store = make_store(64 * mib);
    Server server(device, store);
    for (const Io& io : ios)
        EXPECT_EQ(io->result(), 0);
}

// The device is removed while the CPU is offline, and created with only one CPU online.
TEST_F(Processors, AreFewerThanTheQueuesOfADeviceThatGoes) {
    USERBLK_REQUIRES_PROCESSORS(2);
    const std::vector<Io> ios = device.read_many(4);
    ASSERT_TRUE(switch_second(false));
    {
        TestDevice young(config_of_two_queues());
        Store store = make_store(64 * mib);
        Server server(young, store);
        ASSERT_TRUE(switch_second(true));
        EXPECT_EQ(young.read(0, 4096)->result(), 0);
        ASSERT_TRUE(switch_second(false));
    }
    EXPECT_EQ(device.remove(), 0);
    for (const Io& io : ios)
        EXPECT_NE(io->result(), 0);
}

class Unloading : public SystemTest {
protected:
    // Later tests need the module.
    void TearDown() override {
        if (!module_loaded()) {
            EXPECT_EQ(load_module(), "");
        }
        SystemTest::TearDown();
    }
};

// A device, the open control node of a removed device and the open control device each hold the
// module: unloading is refused until all of them are gone, then it succeeds.
TEST_F(Unloading, IsRefusedWhileAnythingIsOpen) {
    {
        const Fd control = open_file(control_device_path, O_RDWR);
        EXPECT_NE(unload_module(), "");
        TestDevice device;
        device.block();
        EXPECT_NE(unload_module(), "");
        ASSERT_EQ(device.remove(), 0);
        EXPECT_NE(unload_module(), "") << "nodes of a device that is gone are open";
        EXPECT_EQ(info_argument().taken_count, 0u);
    }
    EXPECT_EQ(unload_module(), "");
    EXPECT_FALSE(std::filesystem::exists(control_device_path));
}

// The module is unloaded and loaded repeatedly while others create devices, use and remove them,
// and hold nodes open. Whatever starts in time completes. The module unloads only in between, and
// it does unload once they all pause.
TEST_F(Unloading, AgainstCreateAndRemove) {
    allow_time(240s);
    std::atomic<bool> over = false, pause = false;
    std::atomic<int> inside = 0, made = 0, late = 0;
    const auto make_one = [&] {
        const Fd control(open(control_device_path, O_RDWR | O_CLOEXEC));
        userblk_config config = test_config();
        if (!control.open() || ioctl_error(control.get(), USERBLK_CREATE, &config)) {
            late++;
            return;
        }
        const Fd node = open_file("/dev/userblkc" + std::to_string(config.number), O_RDWR);
        EXPECT_EQ(info(node.get()).config.number, config.number);
        userblk_remove argument{config.number, USERBLK_REMOVE_FORCE, 0};
        EXPECT_EQ(ioctl_error(control.get(), USERBLK_REMOVE, &argument), 0);
        made++;
    };
    std::vector<std::thread> makers;
    for (int i = 0; i < 2; i++)
        makers.emplace_back([&] {
            for (; !over; std::this_thread::sleep_for(5ms)) {
                inside++;
                if (!pause)
                    make_one();
                inside--;
            }
        });
    const int wanted = long_form() ? 50 : 2;
    int unloaded = 0, refused = 0;
    EXPECT_TRUE(eventually(
        [&] {
            pause = refused > unloaded;
            EXPECT_TRUE(!pause || eventually([&] { return !inside; }));
            const std::string problem = unload_module();
            EXPECT_TRUE(problem.empty() || !pause) << problem;
            unloaded += problem.empty();
            refused += !problem.empty();
            pause = false;
            // Some arrive too late, before the module is back.
            EXPECT_TRUE(!problem.empty() || load_module().empty());
            return unloaded >= wanted && refused >= wanted && made >= wanted;
        },
        3 * patience));
    over = true;
    for (std::thread& maker : makers)
        maker.join();
    figure("unloaded / refused, devices made / came too late",
           std::to_string(unloaded) + " / " + std::to_string(refused) + ", " +
               std::to_string(made) + " / " + std::to_string(late));
}

} // namespace userblk::test
