// SPDX-License-Identifier: MIT
//
// One store, one device, unless the user says otherwise (invariant 14): an accidental second
// "serve" is refused, and does no harm.
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <optional>

#include "tests/support/process.hpp"
#include "tests/system/support/fio.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

namespace fs = std::filesystem;

class OneStore : public SystemTest {
protected:
    static constexpr std::uint64_t size = 16 * mib;

    static Outcome serve(const Arguments& arguments) {
        Arguments argv{built("userblkctl"), "serve"};
        argv.insert(argv.end(), arguments.begin(), arguments.end());
        return run(argv, 3 * patience);
    }
    static bool is_there(const std::string& device) { return fs::exists("/sys/block/" + device); }
    // A message that names each of them.
    static void expect_refusal(const Outcome& outcome, const std::vector<std::string>& names) {
        EXPECT_EQ(outcome.status, 1) << outcome.text();
        for (const auto& name : names)
            EXPECT_NE(outcome.err.find(name), std::string::npos) << name << ": " << outcome.err;
    }
    // "serve --create", which prints the device's path once the device is served.
    static Program make_device(const Arguments& arguments) {
        Arguments argv{built("userblkctl"), "serve", "--create"};
        argv.insert(argv.end(), arguments.begin(), arguments.end());
        Program program(argv);
        EXPECT_TRUE(eventually([&] { return !program.out().empty() || !program.running(); }));
        EXPECT_FALSE(program.out().empty()) << program.err();
        return program;
    }
};

// fio writes and verifies at depth 32 while somebody serves the same device from another store by
// mistake: as a supervisor, as a worker without one, and finally after the first supervisor has
// been killed, when only its workers remain. All are refused, and the data are right.
TEST_F(OneStore, OfADeviceIsNotMixedWithAnotherUnderFio) {
    allow_time(300s);
    TestDevice device(full_config(size));
    const std::string right = "file:" + make_file("right", size);
    const std::string wrong = "file:" + make_file("wrong", size);
    Supervisor first(device, right);
    EXPECT_TRUE(answers(device));
    const FioJob job{
        .target = device.block_path(), .size = "12m", .depth = 32, .runtime = in_form(60s, 12s)};
    std::optional<Fio> fio;
    // However long the mistakes take, fio has requests with the workers during each.
    const auto keep_busy = [&] {
        if (fio && fio->running())
            return;
        if (fio)
            fio->finish();
        fio.emplace(job);
        EXPECT_TRUE(fio->await_traffic(device));
    };
    keep_busy();
    expect_refusal(serve({device.name(), wrong}), {device.name(), right, wrong.substr(5)});
    keep_busy();
    expect_refusal(serve({device.name(), "null:"}), {device.name(), right, "null:"});
    keep_busy();
    const Outcome lone = run({built("lone_worker"), device.name(), wrong});
    EXPECT_EQ(lone.status, 1) << lone.text();
    const std::vector<pid_t> workers = first.workers();
    first.program().kill();
    keep_busy();
    expect_refusal(serve({device.name(), wrong}), {device.name(), wrong.substr(5)});
    // The same store joins, by any name.
    fs::create_symlink(right.substr(5), folder() + "/link");
    Supervisor next(device, "delay=1us,file:" + folder() + "/link", 2);
    keep_busy();
    kill_each(workers);
    fio->finish();
    EXPECT_EQ(info(device.control()).errors, 0u);
    next.stop();
}

// A file that backs a device does not get another one, by whatever name it is called; nor does the
// refused device remain. Once all processes that served the first device are dead, the file is
// free.
TEST_F(OneStore, HasOneDevice) {
    allow_time(240s);
    const std::string image = make_file("image", size);
    const Program first = make_device({"file:" + image, "--name", "one"});
    fs::create_hard_link(image, folder() + "/hard");
    fs::create_symlink(image, folder() + "/soft");
    for (const auto* name : {"image", "hard", "soft"})
        expect_refusal(serve({"--create", "file:" + folder() + "/" + name, "--name", "two"}),
                       {"userblk0", "one", folder() + "/" + name});
    EXPECT_FALSE(is_there("userblk1"));
    {
        TestDevice device(full_config(size));
        expect_refusal(serve({device.name(), "file:" + image, "--redirect"}),
                       {"userblk0", device.name(), image});
        auto config = full_config(size);
        config.flags |= USERBLK_F_READ_ONLY;
        TestDevice reader(config);
        expect_refusal(serve({reader.name(), "log,readonly,file:" + image}),
                       {"userblk0", reader.name(), image});
    }
    const auto workers = children_of(first.pid());
    kill(first.pid(), SIGKILL);
    kill_each(workers);
    TestDevice device(full_config(size));
    Supervisor other(device, "file:" + image, 2);
    EXPECT_TRUE(answers(device));
    other.stop();
    succeed({built("userblkctl"), "remove", "one"});
}

// While all workers of a device are dead and only its supervisor lives, nobody else gets the file.
TEST_F(OneStore, IsKeptWhileAllWorkersAreDead) {
    TestDevice device(full_config(size));
    const std::string image = "file:" + make_file("image", size);
    Supervisor first(device, image, 1, {"--spares", "0"});
    EXPECT_TRUE(answers(device));
    kill(first.pid(), SIGSTOP);
    eventually_in_state(first.pid(), 'T');
    kill_each(first.workers());
    expect_refusal(serve({"--create", image}), {device.name()});
    kill(first.pid(), SIGCONT);
    EXPECT_TRUE(answers(device));
    first.stop();
}

// Two drivers whose stores have no names begin at the same moment: the first has found nobody who
// serves the device, and its workers have not begun, when the second looks. One of them serves, and
// keeps stores with names away as well.
TEST_F(OneStore, WithoutANameIsAloneFromItsBeginning) {
    allow_time(240s);
    TestDevice device(full_config(size));
    const Arguments driver{built("nameless_driver"), device.name(), "--workers", "1", "--",
                           folder() + "/go"};
    Program first(driver);
    EXPECT_TRUE(eventually([&] { return !children_of(first.pid()).empty(); })) << first.err();
    EXPECT_EQ(info(device.control()).servers, 0u);
    expect_refusal(run(driver), {device.name(), "another process"});
    make_file("go", 0);
    EXPECT_TRUE(answers(device));
    expect_refusal(run(driver), {device.name(), "1 worker"});
    expect_refusal(serve({device.name(), "file:" + make_file("image", size)}),
                   {device.name(), folder() + "/image", std::to_string(first.pid())});
    Arguments sharer = driver;
    sharer.insert(sharer.begin() + 2, "--share");
    Program second(sharer);
    EXPECT_TRUE(eventually([&] { return info(device.control()).servers == 2; })) << second.err();
    for (auto* program : {&first, &second}) {
        program->signal(SIGTERM);
        EXPECT_EQ(program->wait().status, 0) << program->err();
    }
    Supervisor next(device, "file:" + folder() + "/image", 1);
    EXPECT_TRUE(answers(device));
    next.stop();
}

// Named memory is a store like any other.
TEST_F(OneStore, OfMemoryHasOneDevice) {
    TestDevice device(full_config(size));
    TestDevice second(full_config(size));
    Supervisor first(device, "mem:one-store", 2);
    EXPECT_TRUE(answers(device));
    expect_refusal(serve({second.name(), "mem:one-store"}),
                   {device.name(), second.name(), "mem:one-store"});
    first.stop();
    shell("rm -f /dev/shm/userblk.one-store*");
}

// The same memory, given by name and by path, is one store.
TEST_F(OneStore, OfMemoryIsTheSameByItsPath) {
    TestDevice device(full_config(size));
    Supervisor first(device, "mem:one-store", 1);
    EXPECT_TRUE(answers(device));
    Supervisor second(device, "file:/dev/shm/userblk.one-store", 1);
    EXPECT_TRUE(eventually([&] { return info(device.control()).servers >= 2; }));
    first.stop();
    EXPECT_TRUE(answers(device));
    second.stop();
    shell("rm -f /dev/shm/userblk.one-store*");
}

// Read-only servers may share a file; a writer is refused meanwhile.
TEST_F(OneStore, IsSharedByThoseThatRead) {
    const std::string image = "file:" + make_file("image", size);
    auto config = full_config(size);
    config.flags |= USERBLK_F_READ_ONLY;
    TestDevice one(config), two(config), writable(full_config(size));
    Supervisor first(one, image, 2), second(two, image, 2);
    EXPECT_TRUE(answers(one));
    EXPECT_TRUE(answers(two));
    expect_refusal(serve({writable.name(), image}), {writable.name()});
    first.stop();
    second.stop();
}

// --share makes sharing explicit; the first owner of the store is not disturbed: its workers are
// restarted.
TEST_F(OneStore, IsSharedOnExplicitRequest) {
    const std::string image = "file:" + make_file("image", size);
    TestDevice one(full_config(size)), two(full_config(size));
    Supervisor first(one, image, 2);
    EXPECT_TRUE(answers(one));
    Supervisor second(two, image, 2, {"--share"});
    EXPECT_TRUE(answers(two));
    first.kill_workers();
    EXPECT_TRUE(answers(one));
    EXPECT_TRUE(eventually([&] { return first.workers().size() == 3; })) << first.program().err();
    first.stop();
    // A newcomer that does not say --share is refused.
    expect_refusal(serve({one.name(), image}), {one.name(), two.name()});
    second.stop();
}

// A device is forcibly removed while its workers hold requests, and its file gets another device at
// once.
TEST_F(OneStore, IsFreeWhenItsDeviceIsRemoved) {
    allow_time(240s);
    const std::string image = "delay=50ms,file:" + make_file("image", size);
    for (int round = 0; round < 3; round++) {
        Program program = make_device({image, "--name", "again"});
        Program reader({"dd", "if=/dev/userblk0", "of=/dev/null", "bs=4k", "iflag=direct"});
        EXPECT_TRUE(reader.running());
        succeed({built("userblkctl"), "remove", "--force", "again"});
        Program next = make_device({image, "--name", "again"});
        succeed({built("userblkctl"), "remove", "--force", "again"}, 3 * patience);
        EXPECT_EQ(next.wait().status, 0) << next.err();
        EXPECT_EQ(program.wait().status, 0) << program.err();
    }
}

// A second "serve --create --reuse" ends: the device stays, since the first one still serves it.
// The last one removes it.
TEST_F(OneStore, IsNotRemovedWhileStillServed) {
    allow_time(240s);
    const std::string image = "file:" + make_file("image", size);
    Program first = make_device({image, "--name", "reused", "--reuse"});
    Program second = make_device({image, "--name", "reused", "--reuse"});
    second.signal(SIGTERM);
    EXPECT_EQ(second.wait(2 * patience).status, 0) << second.err();
    EXPECT_TRUE(is_there("userblk0")) << second.err();
    EXPECT_NE(second.err().find(std::to_string(first.pid())), std::string::npos) << second.err();
    shell("dd if=/dev/userblk0 of=/dev/null bs=4k count=1 iflag=direct status=none");
    // One with another store is refused, and does not remove the device, either.
    expect_refusal(serve({"--create", "--reuse", "--name", "reused", "--size", "4M", "mem:other"}),
                   {"userblk0", image});
    EXPECT_TRUE(is_there("userblk0"));
    // Workers without a supervisor count, too.
    Program third = make_device({image, "--name", "reused", "--reuse", "--workers", "1"});
    const auto workers = children_of(third.pid());
    third.kill();
    first.signal(SIGTERM);
    EXPECT_EQ(first.wait(2 * patience).status, 0) << first.err();
    EXPECT_TRUE(is_there("userblk0")) << first.err();
    kill_each(workers);
    Program last = make_device({image, "--name", "reused", "--reuse"});
    last.signal(SIGTERM);
    EXPECT_EQ(last.wait(2 * patience).status, 0) << last.err();
    EXPECT_FALSE(is_there("userblk0")) << last.err();
}

// The device is written and closed, so udev inspects it, and at that very moment it is to be
// removed: by the exit of its creator, which serves udev meanwhile, or by the remove command.
// Nothing is left behind, each time.
TEST_F(OneStore, IsLeftByItsDeviceRightAfterTheLastClose) {
    allow_time(300s);
    const std::string image = "file:" + make_file("image", size);
    for (int round = 0; round < in_form(20, 4); round++) {
        Program program = make_device({image, "--name", "closed"});
        shell("dd if=/dev/urandom of=/dev/userblk0 bs=4k count=16 conv=fsync status=none");
        if (round % 2)
            succeed({built("userblkctl"), "remove", "closed"}, 3 * patience);
        else
            program.signal(SIGTERM);
        const Outcome outcome = program.wait(3 * patience);
        EXPECT_EQ(outcome.status, 0) << outcome.text();
        EXPECT_FALSE(is_there("userblk0")) << outcome.text();
    }
}

// The device is open for a moment while its creator is to exit: the creator serves reads meanwhile,
// and removes the device once it is closed.
TEST_F(OneStore, IsLeftByItsDeviceWhenThatIsClosed) {
    Program program = make_device({"file:" + make_file("image", size), "--name", "open"});
    Fd held(open("/dev/userblk0", O_RDWR | O_CLOEXEC));
    program.signal(SIGTERM);
    shell("dd if=/dev/userblk0 of=/dev/null bs=4k count=1 iflag=direct status=none");
    held.reset();
    const Outcome outcome = program.wait();
    EXPECT_EQ(outcome.status, 0) << outcome.text();
    EXPECT_FALSE(is_there("userblk0")) << outcome.text();
}

// The device is open while its creator is to exit: the creator serves on and waits for the close. A
// second signal ends the wait, and the creator says that the device stays.
TEST_F(OneStore, IsNotWaitedForTwice) {
    Program program = make_device({"file:" + make_file("image", size), "--name", "open"});
    const Fd held(open("/dev/userblk0", O_RDWR | O_CLOEXEC));
    program.signal(SIGTERM);
    shell("dd if=/dev/userblk0 of=/dev/null bs=4k count=1 iflag=direct status=none");
    EXPECT_TRUE(program.running());
    succeed({"kill", std::to_string(program.pid())}); // kill() twice from here counts once
    const Outcome outcome = program.wait();
    EXPECT_EQ(outcome.status, 0) << outcome.text();
    EXPECT_NE(outcome.err.find("userblk0 stays"), std::string::npos) << outcome.err;
    EXPECT_TRUE(is_there("userblk0"));
    succeed({built("userblkctl"), "remove", "--force", "open"});
}

// The parent ignores SIGCHLD, as some shells' traps and some daemons do: serving, waiting and the
// death of workers work as usual.
TEST_F(OneStore, IsServedWhereChildrenAreIgnored) {
    const auto ignore = [] { std::signal(SIGCHLD, SIG_IGN); };
    const std::string image = "file:" + make_file("image", size);
    const Outcome made = run({built("userblkctl"), "serve", "--create", image, "--name", "ignored",
                              "--workers", "2", "--detach", "--log", "file:" + folder() + "/log"},
                             3 * patience, ignore);
    EXPECT_EQ(made.status, 0) << made.text();
    EXPECT_EQ(run({built("userblkctl"), "wait", "ignored"}, 3 * patience, ignore).status, 0);
    const std::string supervisor =
        succeed({built("userblkctl"), "list", "-n", "-o", "SUPERVISORS"});
    const auto workers = children_of(std::stoi(supervisor));
    EXPECT_EQ(workers.size(), 3u);
    kill_each(workers);
    shell("dd if=/dev/userblk0 of=/dev/null bs=4k count=1 iflag=direct status=none");
    // A failing read is reported as a failure, not as success.
    succeed({built("userblkctl"), "remove", "ignored"}, 3 * patience);
    const Outcome bad = run({built("userblkctl"), "serve", "--create", "errors=1," + image,
                             "--detach", "--log", "file:" + folder() + "/log"},
                            3 * patience, ignore);
    EXPECT_EQ(bad.status, 1) << bad.text();
    EXPECT_FALSE(is_there("userblk0"));
}

} // namespace userblk::test
