// SPDX-License-Identifier: MIT
//
// The rest of the machine: plain files where nodes belong, other PID namespaces, users without
// privileges, containers that have next to nothing, logs that cannot be written.
#include <csignal>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/system/support/drivers.hpp"
#include "tests/system/support/system_test.hpp"
#include "tests/system/support/unprivileged.hpp"

namespace userblk::test {

class Surroundings : public SystemTest {
protected:
    void SetUp() override {
        SystemTest::SetUp();
        std::filesystem::permissions(folder(), std::filesystem::perms(0755));
    }
    static Arguments with(Arguments argv, const Arguments& more) {
        argv.insert(argv.end(), more.begin(), more.end());
        return argv;
    }
    static Outcome ctl(const Arguments& arguments, const Arguments& before = {}) {
        return run(with(with(before, {built("userblkctl")}), arguments), 3 * patience);
    }
    static void expect_refused(const Outcome& outcome, const std::string& why) {
        EXPECT_EQ(outcome.status, 1) << outcome.text();
        EXPECT_NE(outcome.err.find(why), std::string::npos) << outcome.text();
        EXPECT_EQ(outcome.out, "");
        EXPECT_TRUE(list_devices().empty()) << "it left a device";
    }
    // The build directory may be readable by root only.
    std::string copied(const std::string& program) const {
        const std::string path = folder() + "/" + program;
        if (!std::filesystem::exists(path))
            std::filesystem::copy_file(built(program), path);
        return path;
    }
    std::string store_of_nobody() const {
        const std::string path = make_file("store.img", 16 * mib);
        EXPECT_EQ(chown(path.c_str(), nobody, nobody), 0);
        return "file:" + path;
    }
    static std::string supervisors_of(const TestDevice& device) {
        return succeed({built("userblkctl"), "list", device.name(), "-n", "-o", "SUPERVISORS"});
    }
};

// Puts something else at a path below /dev, and restores the original at the end.
class Squatter {
public:
    explicit Squatter(const std::string& path) : path_(path) {
        // Kept, since the kernel only removes a node that it created itself.
        if (std::filesystem::exists(path))
            std::filesystem::rename(path, kept());
        std::ofstream(path) << "data";
    }
    Squatter(const Squatter&) = delete;
    Squatter& operator=(const Squatter&) = delete;
    ~Squatter() { leave(); }

    std::string content() const { return read_setting(path_); }
    void replace(dev_t node) {
        std::filesystem::remove(path_);
        EXPECT_EQ(mknod(path_.c_str(), S_IFCHR | 0600, node), 0);
    }
    void leave() {
        if (left_)
            return;
        left_ = true;
        std::filesystem::remove(path_);
        if (std::filesystem::exists(kept()))
            std::filesystem::rename(kept(), path_);
    }

private:
    std::string kept() const { return path_ + ".kept"; }

    std::string path_;
    bool left_ = false;
};

// A dd to the path of a removed device has left a plain file there. No tool creates a device whose
// node would be there, and the file stays untouched; once it is gone a device can be created.
TEST_F(Surroundings, APlainFileIsNotTakenForANewDevice) {
    Squatter file("/dev/userblk0");
    const std::string why = "/dev/userblk0 is a regular file of 4 bytes";
    expect_refused(ctl({"create", "--number", "0", "--size", "16M"}), why);
    expect_refused(ctl({"serve", "--create", "null:", "--number", "0", "--size", "16M"}), why);
    expect_refused(
        ctl({"serve", "--create", "null:", "--number", "0", "--size", "16M", "--detach"}), why);
    expect_refused(run({built("hello_ram"), "--size", "16M"}), why);
    EXPECT_EQ(file.content(), "data");
    file.leave();
    EXPECT_EQ(ctl({"create", "--number", "0", "--size", "16M"}).out, "/dev/userblk0\n");
    succeed({built("userblkctl"), "remove", "0"});
}

// The same with a plain file where the control node, or the link by name, belongs.
TEST_F(Surroundings, NorForAControlNodeOrALink) {
    {
        const Squatter file("/dev/userblkc0");
        expect_refused(ctl({"create", "--number", "0", "--size", "16M"}),
                       "/dev/userblkc0 is a regular file");
    }
    std::filesystem::create_directories("/dev/userblk/by-name");
    const Squatter file("/dev/userblk/by-name/squatted");
    expect_refused(ctl({"create", "--name", "squatted", "--size", "16M"}),
                   "/dev/userblk/by-name/squatted is a regular file");
}

// A plain file has replaced the node of a device that exists and is served: waiting for the device
// fails, and says what helps; the list shows it, too.
TEST_F(Surroundings, APlainFileIsNotTakenForADeviceThatIsThere) {
    TestDevice device;
    Supervisor serve(device, "mem:", 1);
    {
        const Squatter file(device.block_path());
        const Outcome wait = ctl({"wait", device.name(), "--timeout", "20s"});
        EXPECT_EQ(wait.status, 1);
        EXPECT_NE(wait.err.find("regular file"), std::string::npos) << wait.err;
        EXPECT_NE(wait.err.find("mknod " + device.block_path() + " b "), std::string::npos)
            << wait.err;
        const Outcome list = ctl({"list"});
        EXPECT_EQ(list.status, 0);
        EXPECT_NE(list.err.find("regular file"), std::string::npos) << list.err;
    }
    {
        const Squatter file(device.control_path());
        const Outcome info = ctl({"info", device.name()});
        EXPECT_EQ(info.status, 1);
        EXPECT_NE(info.err.find("regular file"), std::string::npos) << info.err;
    }
    EXPECT_EQ(ctl({"wait", device.name(), "--timeout", "20s"}).status, 0);
    serve.stop();
}

// A node of the right kind that belongs to another device.
TEST_F(Surroundings, AnotherDevicesNodeIsNotTakenForIt) {
    TestDevice device, other;
    struct stat about {};
    ASSERT_EQ(stat(other.control_path().c_str(), &about), 0);
    Squatter file(device.control_path());
    file.replace(about.st_rdev);
    const Outcome info = ctl({"info", device.name()});
    EXPECT_EQ(info.status, 1);
    EXPECT_NE(info.err.find(other.name()), std::string::npos) << info.err;
}

// A command that creates a device and then fails leaves none behind: its log cannot be written, its
// workers do not start, its store does not answer in time.
TEST_F(Surroundings, AFailedStartLeavesNoDevice) {
    allow_time(180s);
    const std::string store = "file:" + make_file("store.img", 16 * mib);
    for (const Arguments& how : {Arguments{}, {"--detach"}, {"--keep"}}) {
        expect_refused(
            ctl(with({"serve", "--create", store, "--log", "file:/nonexistent/log"}, how)),
            "/nonexistent/log");
        expect_refused(ctl(with({"serve", "--create", store, "--scheduling", "fifo"}, how),
                           {"setpriv", "--bounding-set", "-sys_nice"}),
                       "SCHED_FIFO");
    }
    expect_refused(
        ctl({"serve", "--create", "delay=5s," + store, "--detach", "--keep", "--timeout", "100ms"}),
        "stopped serving it");
}

// A list from another PID namespace, where the supervisor's PID does not exist, removes nothing,
// and the supervisor is still found and reloaded.
TEST_F(Surroundings, ALivingSupervisorIsFoundFromAnywhere) {
    allow_time(180s);
    TestDevice device;
    Supervisor serve(device, "mem:", 1);
    ASSERT_TRUE(answers(device));
    const std::string pid = std::to_string(serve.pid()) + "\n";
    EXPECT_EQ(supervisors_of(device), pid);
    EXPECT_EQ(
        ctl({"list", "-n", "-o", "SUPERVISORS"}, {"unshare", "--pid", "--fork", "--mount-proc"})
            .out,
        "hidden\n");
    EXPECT_EQ(supervisors_of(device), pid);
    const Outcome reload = ctl({"reload", device.name()});
    EXPECT_EQ(reload.status, 0) << reload.text();
    serve.stop();
}

// root sees a supervisor without privileges and can reload it.
TEST_F(Surroundings, AnUnprivilegedSupervisorIsSeenAndReloaded) {
    allow_time(180s);
    succeed({built("userblkctl"), "create", "--size", "1M"}); // root's part: creates the folder
    succeed({built("userblkctl"), "remove", "0"});
    TestDevice device(config_for_nobody());
    Program serve({copied("userblkctl"), "serve", device.control_path(), store_of_nobody()},
                  [] { become(Kind::confined); });
    ASSERT_TRUE(answers(device)) << serve.err();
    EXPECT_TRUE(eventually([&] {
        return supervisors_of(device) == std::to_string(serve.pid()) + "\n";
    })) << serve.err();
    const Outcome reload = ctl({"reload", device.name()});
    EXPECT_EQ(reload.status, 0) << reload.text() << serve.err();
    serve.signal(SIGTERM);
    EXPECT_EQ(serve.wait(2 * patience).status, 0) << serve.err();
}

// A user who may not serve the device has a locked file of the right name in the folder.
TEST_F(Surroundings, AStrangersFileMakesNoSupervisor) {
    succeed({built("userblkctl"), "create", "--size", "1M"});
    succeed({built("userblkctl"), "remove", "0"});
    TestDevice device;
    const std::string path = "/run/userblk/" + std::to_string(device.number()) + ".4242";
    Child stranger([&](ChildSide& side) {
        drop_privileges();
        const int fd = open(path.c_str(), O_RDWR | O_CREAT, 0644);
        struct flock lock {};
        lock.l_type = F_WRLCK;
        if (fd < 0 || fcntl(fd, F_SETLK, &lock))
            return 1;
        side.tell();
        side.sleep_for_ever();
    });
    stranger.await();
    EXPECT_EQ(supervisors_of(device), "\n");
    stranger.kill();
    std::filesystem::remove(path);
}

// The owner of the control node detaches; the block node is not readable to that user.
TEST_F(Surroundings, TheOwnerOfADeviceCanDetach) {
    allow_time(180s);
    TestDevice device(config_for_nobody());
    const Outcome serve =
        run({copied("userblkctl"), "serve", device.control_path(), store_of_nobody(), "--detach",
             "--log", "file:" + folder() + "/nobodys/log"},
            3 * patience, [this] {
                std::filesystem::create_directory(folder() + "/nobodys");
                if (chown((folder() + "/nobodys").c_str(), nobody, nobody) == 0)
                    become(Kind::plain);
            });
    EXPECT_EQ(serve.status, 0) << serve.text();
    EXPECT_TRUE(answers(device));
    EXPECT_EQ(device.remove(), 0); // the workers exit
}

// A container with the control node and the store, but without /sys, /proc, /run and /dev/shm: it
// serves, by the node's path and by the device's name, and recovers on its own.
TEST_F(Surroundings, AControlNodeAndAStoreAreEnoughToServe) {
    allow_time(240s);
    userblk_config config = config_for_nobody(16 * mib);
    set_name(config, "boxed");
    TestDevice device(config);
    const std::string root = folder() + "/root";
    std::filesystem::create_directories(root + "/dev");
    std::filesystem::copy_file(built("userblkctl"), root + "/userblkctl");
    store_of_nobody();
    std::filesystem::rename(folder() + "/store.img", root + "/store.img");
    for (const std::string& name : {device.control_path(), std::string("boxed")}) {
        Program serve({"unshare", "--mount", "bash", "-euc",
                       "mkdir -p $1/usr; mount --rbind /usr $1/usr;"
                       "for f in /lib*; do [ ! -L $f ] || cp -a $f $1; done;"
                       "touch $1$2; mount --bind $2 $1$2;"
                       "exec chroot --userspec=65534:65534 $1 /userblkctl serve $3 "
                       "file:/store.img --workers 2",
                       "box", root, device.control_path(), name});
        ASSERT_TRUE(answers(device)) << serve.err();
        kill_each(children_of(serve.pid()));
        EXPECT_TRUE(answers(device)) << serve.err();
        serve.signal(SIGTERM);
        EXPECT_EQ(serve.wait(2 * patience).status, 0) << serve.err();
    }
}

// $JOURNAL_STREAM belongs to another stream: messages are written for people. If it names the
// stream on standard error, they have the journal's format.
TEST_F(Surroundings, MessagesAreForTheJournalOnlyIfItReadsThem) {
    for (const bool right : {false, true}) {
        TestDevice device;
        Program serve({built("userblkctl"), "serve", device.control_path(), "null:"}, [right] {
            struct stat about {};
            fstat(right ? STDERR_FILENO : STDOUT_FILENO, &about);
            setenv("JOURNAL_STREAM",
                   (std::to_string(about.st_dev) + ":" + std::to_string(about.st_ino)).c_str(), 1);
        });
        EXPECT_TRUE(
            eventually([&] { return serve.err().find(" is served by ") != std::string::npos; }));
        EXPECT_EQ(serve.err().starts_with("<6>"), right) << serve.err();
        serve.signal(SIGTERM);
        EXPECT_EQ(serve.wait(2 * patience).status, 0);
    }
}

} // namespace userblk::test
