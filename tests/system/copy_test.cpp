// SPDX-License-Identifier: MIT
//
// The main job, on a small scale: a tree is copied to a file system while all workers of its device
// are killed repeatedly, in half of the rounds together with the supervisor.
#include <filesystem>
#include <fstream>

#include "tests/system/support/drivers.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class Copy : public SystemTest, public testing::WithParamInterface<const char*> {
protected:
    // Copies until it is stopped, and syncs each copy to the store.
    Program start_copying(const std::string& from, const std::string& to) const {
        return Program({"bash", "-euc", R"(
            for ((i = 0; i < 60; i++)); do
                cp -a "$1" "$2/$i"; sync -f "$2"
                [ ! -e "$3/stop" ] || break
            done
            ls "$2" | grep -c '^[0-9]')",
                        "copy", from, to, folder()});
    }
    void stop_copying() const { std::ofstream(folder() + "/stop").close(); }

    // Kills all workers at a random moment when some request is held.
    Blow kill_somebody(const TestDevice& device, Supervisor& serve, const std::string& spec,
                       bool supervisor_too) {
        await_taken(device, 10s);
        dice_.sleep_up_to(200ms);
        await_taken(device, 10s);
        return strike(
            device, [&] { supervisor_too ? serve.kill_all() : serve.kill_workers(); },
            [&] {
                if (supervisor_too) {
                    succeed({built("userblk-recover"), "--reset", device.name()});
                    serve = Supervisor(device, spec);
                }
                EXPECT_TRUE(await_healed(device));
            });
    }

private:
    Dice dice_;
};

// Counts the kills that hit held requests. After enough of them the copies equal the original, read
// back through a loop device over the backing file, without userblk.
TEST_P(Copy, IsCompleteAfterAllWorkersWereKilledManyTimes) {
    const std::string type = GetParam();
    const std::size_t wanted = long_form() ? 10 : 4;
    allow_time(long_form() ? 900s : 420s);
    const std::string original = sample_tree();
    const std::string expected = checksum_of_tree(original);
    const std::string store = make_file("store.img", 512 * mib);
    const std::string spec = "delay=2ms,file:" + store;
    std::string copies;
    {
        TestDevice device(full_config(512 * mib));
        Supervisor serve(device, spec);
        make_file_system(type, device.block_path());
        Mount mount(device.block_path(), folder() + "/mnt");
        Program copier = start_copying(original, mount.point());
        std::vector<Blow> blows;
        while (count_met(blows) < wanted && blows.size() < 10 * wanted && copier.running())
            blows.push_back(kill_somebody(device, serve, spec, blows.size() % 2));
        stop_copying();
        const Outcome outcome = copier.wait(6 * patience);
        EXPECT_EQ(outcome.status, 0) << outcome.text();
        copies = outcome.out;
        EXPECT_GE(count_met(blows), wanted);
        EXPECT_EQ(info(device.control()).errors, 0u);
        figure("copying onto " + type + ", kills / met requests / copies",
               std::to_string(blows.size()) + " / " + std::to_string(count_met(blows)) + " / " +
                   copies.substr(0, copies.find('\n')));
        mount.unmount();
        check_file_system(type, device.block_path());
        serve.stop();
    }
    succeed({"modprobe", "loop"});
    Mount mount(store, folder() + "/mnt", {"-o", "loop,ro"});
    ASSERT_GT(std::stoi(copies), 0);
    for (int i = 0; i < std::stoi(copies); i++)
        EXPECT_EQ(checksum_of_tree(mount.point() + "/" + std::to_string(i)), expected) << i;
    mount.unmount();
}

INSTANTIATE_TEST_SUITE_P(Onto, Copy, testing::Values("ext4", "xfs"),
                         [](const auto& about) { return std::string(about.param); });

} // namespace userblk::test
