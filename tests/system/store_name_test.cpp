// SPDX-License-Identifier: MIT
//
// A store is removed, renamed or replaced under its name while a device is served from it, as by
// mv, rsync or rm: the original store stays in service, whichever process dies, and the tools show
// the problem.
#include <csignal>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/support/process.hpp"
#include "tests/system/support/drivers.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

namespace fs = std::filesystem;

class StoreName : public SystemTest {
protected:
    static constexpr std::uint64_t size = 16 * mib;

    static std::string listed_store(const TestDevice& device) {
        std::string text = ctl({"list", "-n", "-o", "STORE", device.name()}).out;
        text.erase(text.find_last_not_of('\n') + 1);
        return text;
    }
    static void expect_listed(const TestDevice& device, const std::string& store) {
        EXPECT_TRUE(eventually([&] { return listed_store(device) == store; }))
            << listed_store(device);
    }
    static bool logs(const Program& program, const std::string& text) {
        return eventually([&] { return has(program.err(), text); });
    }
    static void write(TestDevice& device, std::uint64_t offset, unsigned int seed) {
        EXPECT_EQ(device.write(offset, pattern(4096, seed))->result(), 0);
    }
    static void expect_data(TestDevice& device, std::uint64_t offset, unsigned int seed) {
        const Io reader = device.read(offset, 4096);
        EXPECT_EQ(reader->result(), 0);
        EXPECT_EQ(reader->data(), pattern(4096, seed)) << offset;
    }
    // Kills all workers at once, spares included, so that no process has the store open, and then
    // their replacements.
    static void kill_twice(const Supervisor& serve, std::size_t count) {
        for (int round = 0; round < 2; round++) {
            serve.kill_workers();
            EXPECT_TRUE(eventually([&] { return serve.workers().size() >= count; }));
        }
    }
    std::string file_with(const std::string& name, unsigned int seed) const {
        const std::string path = make_file(name, size);
        const Buffer data = pattern(4096, seed);
        std::fstream(path, std::ios::in | std::ios::out | std::ios::binary)
            .write(reinterpret_cast<const char*>(data.data()),
                   static_cast<std::streamsize>(data.size()));
        return path;
    }
    void goes_on_with_what_was_served(const Arguments& options);
};

// Another file is moved over the served one. All workers die, twice: reads return what was written,
// and the new file stays untouched. The tools report the problem, and the first supervisor refuses
// a second serve, even while no worker lives. Then a reload names the path, and the new file is
// served.
void StoreName::goes_on_with_what_was_served(const Arguments& options) {
    allow_time(240s);
    auto config = full_config(size);
    config.flags |= USERBLK_F_REDIRECT;
    TestDevice device(config);
    const std::string path = file_with("disk.img", 1);
    const std::string store = "file:" + path;
    Supervisor serve(device, store, 2, options);
    EXPECT_TRUE(answers(device));
    expect_data(device, 0, 1);
    write(device, 4096, 2);
    expect_listed(device, store);
    fs::rename(file_with("new.img", 3), path);
    kill_twice(serve, 3);
    expect_data(device, 0, 1);
    expect_data(device, 4096, 2);
    write(device, 8192, 4);
    shell("cmp -n 8192 -i 4096 \"$1\" /dev/zero", {path});
    expect_listed(device, store + " (replaced)");
    EXPECT_TRUE(logs(serve.program(), path + " is another file now")) << serve.program().err();
    EXPECT_TRUE(has(ctl({"info", device.name()}).out, store + " (replaced)"));
    EXPECT_TRUE(has(ctl({"info", "--json", device.name()}).out, "\"store_state\": \"replaced\""));
    kill(serve.pid(), SIGSTOP);
    eventually_in_state(serve.pid(), 'T');
    kill_each(serve.workers());
    const Outcome second = ctl({"serve", device.name(), store});
    EXPECT_EQ(second.status, 1) << second.text();
    EXPECT_TRUE(has(second.err, std::to_string(serve.pid()))) << second.err;
    EXPECT_TRUE(has(second.err, "replaced")) << second.err;
    kill(serve.pid(), SIGCONT);
    expect_data(device, 8192, 4);
    // Changed options do not concern the store.
    EXPECT_EQ(ctl({"reload", device.name(), "--workers", "1"}).status, 0);
    kill_twice(serve, 2);
    expect_data(device, 8192, 4);
    const Outcome moved = ctl({"reload", device.name(), store});
    EXPECT_EQ(moved.status, 0) << moved.text();
    expect_data(device, 0, 3);
    expect_listed(device, store);
    kill_twice(serve, 2);
    expect_data(device, 0, 3);
    EXPECT_EQ(info(device.control()).errors, 0u);
    serve.stop();
}

// The same with workers that carry the requests out.
TEST_F(StoreName, ThatAnotherFileHasIsNotFollowed) {
    goes_on_with_what_was_served({});
}

// And with requests redirected to the store by the kernel.
TEST_F(StoreName, ThatAnotherFileHasIsNotFollowedByTheKernel) {
    goes_on_with_what_was_served({"--redirect"});
}

// The file is removed. Its device goes on, through deaths and a reload, and copying the device
// saves the data; the device is then served from the copy, under the old name.
TEST_F(StoreName, ThatIsGoneIsNotNeeded) {
    allow_time(240s);
    TestDevice device(full_config(size));
    const std::string path = file_with("disk.img", 1);
    Supervisor serve(device, "file:" + path, 2);
    EXPECT_TRUE(answers(device));
    fs::remove(path);
    kill_twice(serve, 3);
    write(device, 4096, 2);
    expect_listed(device, "file:" + path + " (removed)");
    EXPECT_TRUE(logs(serve.program(), path + " was removed or renamed")) << serve.program().err();
    serve.program().signal(SIGHUP);
    EXPECT_TRUE(logs(serve.program(), "reloaded")) << serve.program().err();
    kill_twice(serve, 3);
    expect_data(device, 0, 1);
    expect_data(device, 4096, 2);
    shell("dd if=\"$1\" of=\"$2\" bs=1M iflag=direct status=none", {device.block_path(), path});
    expect_listed(device, "file:" + path + " (replaced)");
    EXPECT_EQ(ctl({"reload", device.name(), "file:" + path}).status, 0);
    expect_listed(device, "file:" + path);
    expect_data(device, 0, 1);
    expect_data(device, 4096, 2);
    serve.stop();
}

// The file is renamed, and later renamed back.
TEST_F(StoreName, ComesBack) {
    TestDevice device(full_config(size));
    const std::string path = file_with("disk.img", 1);
    Supervisor serve(device, "file:" + path, 1);
    EXPECT_TRUE(answers(device));
    fs::rename(path, folder() + "/aside.img");
    expect_listed(device, "file:" + path + " (removed)");
    kill_twice(serve, 2);
    expect_data(device, 0, 1);
    fs::rename(folder() + "/aside.img", path);
    expect_listed(device, "file:" + path);
    EXPECT_TRUE(logs(serve.program(), "is again the file")) << serve.program().err();
    serve.stop();
}

// The name is a link, which is switched to another file, as deployment tools do. Nobody has
// followed the new link before the supervisor reports it.
TEST_F(StoreName, IsALinkThatLeadsElsewhere) {
    TestDevice device(full_config(size));
    const std::string link = folder() + "/current";
    file_with("one.img", 1);
    file_with("two.img", 2);
    fs::create_symlink("one.img", link);
    Supervisor serve(device, "file:" + link, 1);
    EXPECT_TRUE(answers(device));
    fs::create_symlink("two.img", link + ".new");
    fs::rename(link + ".new", link);
    expect_listed(device, "file:" + link + " (replaced)");
    kill_twice(serve, 2);
    expect_data(device, 0, 1);
    EXPECT_EQ(ctl({"reload", device.name(), "file:" + link}).status, 0);
    expect_data(device, 0, 2);
    serve.stop();
}

// A folder on the path is a link, which is switched to another folder, and back.
TEST_F(StoreName, LeadsThroughALinkThatIsSwitched) {
    TestDevice device(full_config(size));
    const std::string link = folder() + "/release";
    for (const auto* name : {"old", "new"}) {
        fs::create_directory(folder() + "/" + name);
        make_file(std::string(name) + "/disk.img", size);
    }
    fs::create_symlink("old", link);
    Supervisor serve(device, "file:" + link + "/disk.img", 1);
    EXPECT_TRUE(answers(device));
    fs::create_symlink("new", link + ".new");
    fs::rename(link + ".new", link);
    expect_listed(device, "file:" + link + "/disk.img (replaced)");
    fs::create_symlink("old", link + ".new");
    fs::rename(link + ".new", link);
    expect_listed(device, "file:" + link + "/disk.img");
    serve.stop();
}

// Named memory, and a device's own memory, are unlinked: their contents exist nowhere else. Nothing
// is left of them afterwards.
TEST_F(StoreName, OfMemoryIsGone) {
    allow_time(240s);
    for (const std::string store : {"mem:store-name", "mem:"}) {
        TestDevice device(full_config(size));
        Supervisor serve(device, store, 2);
        EXPECT_TRUE(answers(device));
        write(device, 0, 1);
        shell("rm /dev/shm/userblk[.-]*");
        kill_twice(serve, 3);
        expect_data(device, 0, 1);
        write(device, 4096, 2);
        expect_listed(device, store + " (removed)");
        EXPECT_EQ(ctl({"reload", device.name(), "--threads", "2"}).status, 0);
        kill_twice(serve, 3);
        expect_data(device, 0, 1);
        expect_data(device, 4096, 2);
        serve.stop();
        shell("! ls /dev/shm/userblk[.-]* 2>/dev/null");
    }
}

// The node of the served disk is replaced by one with another disk's number.
TEST_F(StoreName, OfADiskIsAnotherDisks) {
    TestDevice one(full_config(size)), two(full_config(size)), device(full_config(size));
    Supervisor first(one, "mem:", 1), second(two, "mem:", 1);
    EXPECT_TRUE(answers(one) && answers(two));
    write(one, 0, 1);
    write(two, 0, 2);
    one.close_block();
    two.close_block();
    const std::string path = folder() + "/disk";
    const auto make_node = [&](const TestDevice& disk) {
        struct stat about {};
        ASSERT_EQ(::stat(disk.block_path().c_str(), &about), 0);
        ASSERT_EQ(::mknod(path.c_str(), S_IFBLK | 0600, about.st_rdev), 0);
    };
    make_node(one);
    Supervisor serve(device, "file:" + path, 1);
    EXPECT_TRUE(answers(device)) << serve.program().err();
    expect_data(device, 0, 1);
    fs::remove(path);
    make_node(one); // the same disk
    kill_twice(serve, 2);
    expect_listed(device, "file:" + path);
    fs::remove(path);
    make_node(two);
    kill_twice(serve, 2);
    expect_data(device, 0, 1);
    expect_listed(device, "file:" + path + " (replaced)");
    serve.stop();
    first.stop();
    second.stop();
}

// A custom driver opens its store by name in each worker. New workers find another file and do not
// serve it: I/O blocks, and the tools show why. Once the old file is back the requests are
// answered; a reload with the new file in its place serves the new file.
TEST_F(StoreName, IsNotFollowedByOtherDrivers) {
    allow_time(240s);
    TestDevice device(full_config(size));
    const std::string path = file_with("disk.img", 1);
    const std::string old_file = folder() + "/old.img", new_file = file_with("new.img", 2);
    Program driver({built("troubled_driver"), device.name(), "file:" + path, "2", "1", "slow", "0",
                    built("userblkctl")});
    EXPECT_TRUE(answers(device)) << driver.err();
    EXPECT_TRUE(eventually([&] { return children_of(driver.pid()).size() == 3; }));
    fs::rename(path, old_file);
    fs::rename(new_file, path);
    kill_each(children_of(driver.pid()));
    const Io reader = device.read(0, 4096);
    EXPECT_TRUE(eventually([&] {
        return has(ctl({"info", device.name()}).out, path + " is not the file that userblk");
    })) << ctl({"info", device.name()}).out;
    EXPECT_TRUE(has(ctl({"info", "--json", device.name()}).out, "\"error\": \"unable to start"));
    EXPECT_FALSE(reader->finished());
    fs::rename(path, new_file);
    fs::rename(old_file, path);
    EXPECT_EQ(reader->result(), 0);
    EXPECT_EQ(reader->data(), pattern(4096, 1));
    EXPECT_TRUE(eventually([&] { return !has(ctl({"info", device.name()}).out, "Error:"); }));
    fs::rename(new_file, path);
    driver.signal(SIGHUP);
    EXPECT_TRUE(logs(driver, "reloaded")) << driver.err();
    expect_data(device, 0, 2);
    driver.signal(SIGTERM);
    EXPECT_EQ(driver.wait().status, 0) << driver.err();
}

// The store is truncated while all workers die. I/O blocks, by design, and info names the reason; a
// store that is long enough ends that.
TEST_F(StoreName, OfAStoreThatCannotBeServedIsNamedWithTheReason) {
    TestDevice device(full_config(size));
    const std::string path = file_with("disk.img", 1);
    Supervisor serve(device, "file:" + path, 1);
    EXPECT_TRUE(answers(device));
    fs::resize_file(path, size / 2);
    serve.kill_workers();
    const Io reader = device.read(0, 4096);
    EXPECT_TRUE(eventually([&] {
        const std::string text = ctl({"info", device.name()}).out;
        return has(text, "Error:") && has(text, path + " has 8M") && has(text, "since");
    })) << ctl({"info", device.name()}).out;
    EXPECT_FALSE(reader->finished());
    fs::resize_file(path, size);
    EXPECT_EQ(reader->result(), 0);
    EXPECT_EQ(reader->data(), pattern(4096, 1));
    EXPECT_TRUE(eventually([&] { return !has(ctl({"info", device.name()}).out, "Error:"); }));
    serve.stop();
}

} // namespace userblk::test
