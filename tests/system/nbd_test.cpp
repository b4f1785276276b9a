// SPDX-License-Identifier: MIT
//
// Stores on NBD servers: nbdkit serves, dies, comes back, changes, lies.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/system/support/drivers.hpp"
#include "tests/system/support/fio.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class NbdStore : public SystemTest {
protected:
    std::string socket() const { return folder() + "/nbd.sock"; }
    std::string uri() const { return "nbd+unix:///?socket=" + socket(); }
    // Without a pause after a death: these servers carry out at once what they get, or are gone.
    std::string store() const { return "fence=none," + uri(); }
    std::string disk() const { return folder() + "/disk.img"; }

    // nbdkit, listening.
    Program server(const Arguments& plugin) const {
        std::filesystem::remove(socket());
        Arguments command{"nbdkit", "-f", "-U", socket()};
        command.insert(command.end(), plugin.begin(), plugin.end());
        Program program(command);
        EXPECT_TRUE(eventually([&] { return listens() || !program.running(); })) << program.err();
        return program;
    }
    // The same, from a file, which outlives it. One thread per connection: with several,
    // nbdkit 1.32 aborts when its client is killed ("raw_send_socket: Assertion `sock >= 0'
    // failed").
    Program file_server() const { return server({"--threads=1", "file", disk()}); }

    static std::string text_of(const Outcome& outcome) {
        return std::to_string(outcome.status) + ": " + outcome.text();
    }
    Outcome serve(const std::string& store, const Arguments& options = {}) const {
        Arguments command{"serve", "--create", store};
        command.insert(command.end(), options.begin(), options.end());
        return ctl(command);
    }
    static void mount_copy_and_check(const std::string& type, const std::string& device,
                                     const std::string& point) {
        make_file_system(type, device);
        std::string written;
        {
            Mount mount(device, point);
            shell("cp -a \"$2\" \"$1\"; sync -f \"$1\"", {mount.point(), sample_tree()});
            written = checksum_of_tree(mount.point());
            mount.unmount();
        }
        check_file_system(type, device);
        Mount mount(device, point);
        EXPECT_EQ(checksum_of_tree(mount.point()), written);
        mount.unmount();
    }

private:
    bool listens() const {
        const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{AF_UNIX, {}};
        socket().copy(address.sun_path, sizeof(address.sun_path) - 1);
        return connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    }
};

// "userblkctl serve" of an NBD store for a device; tells when it serves.
class NbdSupervisor {
public:
    NbdSupervisor(const TestDevice& device, const std::string& store, const Arguments& options = {})
        : program_(command(device, store, options)) {
        EXPECT_TRUE(eventually([&] { return answers(device) || !program_.running(); }))
            << program_.err();
    }
    Program& program() { return program_; }
    std::vector<pid_t> workers() const { return children_of(program_.pid()); }
    void stop() {
        program_.signal(SIGTERM);
        const Outcome outcome = program_.wait(2 * patience);
        EXPECT_EQ(outcome.status, 0) << outcome.text();
    }
    bool says(const std::string& text) {
        return eventually([&] { return has(program_.err(), text); });
    }

private:
    static Arguments command(const TestDevice& device, const std::string& store,
                             const Arguments& options) {
        Arguments command{built("userblkctl"), "serve", device.name(), store};
        command.insert(command.end(), options.begin(), options.end());
        return command;
    }
    Program program_;
};

// The device has the export's size and offers what it offers; file systems on it are whole; a
// process of one thread keeps 64 requests in flight.
TEST_F(NbdStore, IsADeviceLikeOthers) {
    allow_time(300s);
    Program nbd = server({"memory", "400M"});
    Program driver({built("userblkctl"), "serve", "--create", uri(), "--workers", "2"});
    ASSERT_TRUE(eventually([&] { return !driver.out().empty() || !driver.running(); }))
        << driver.err();
    const std::string path = "/dev/userblk0";
    EXPECT_EQ(size_of_block_device(path), 400 * mib);
    EXPECT_NE(read_setting("/sys/block/userblk0/queue/discard_max_bytes"), "0");
    EXPECT_NE(read_setting("/sys/block/userblk0/queue/write_zeroes_max_bytes"), "0");
    EXPECT_EQ(read_setting("/sys/block/userblk0/queue/write_cache"), "write back");
    mount_copy_and_check("ext4", path, folder() + "/mnt");
    mount_copy_and_check("xfs", path, folder() + "/mnt");
    shell("blkdiscard -z -o 1M -l 8M \"$1\"; cmp -n 8388608 -i 1048576:0 \"$1\" /dev/zero", {path});
    driver.signal(SIGTERM);
    EXPECT_EQ(driver.wait(2 * patience).status, 0) << driver.err();
}

TEST_F(NbdStore, OneThreadKeepsManyInFlight) {
    allow_time(120s);
    Program nbd = server({"--filter=delay", "memory", "64M", "rdelay=500ms", "--threads=64"});
    TestDevice device(full_config(64 * mib));
    NbdSupervisor supervisor(device, store(), {"--workers", "1", "--threads", "1"});
    const auto reads = device.read_many(64);
    EXPECT_TRUE(eventually([&] { return info(device.control()).taken == 64; }));
    for (const auto& read : reads)
        EXPECT_EQ(read->result(), 0);
    supervisor.stop();
}

// Workers are killed under load, and a reload replaces them; fio finds every byte.
TEST_F(NbdStore, WorkersAreKilledUnderLoad) {
    allow_time(300s);
    make_file("disk.img", 64 * mib);
    Program nbd = file_server();
    TestDevice device(full_config(64 * mib));
    NbdSupervisor supervisor(device, store());
    Fio fio({.target = device.block_path(), .depth = 32, .runtime = in_form(60s, 12s)});
    ASSERT_TRUE(fio.await_traffic(device));
    std::vector<Blow> blows;
    for (int i = 0; fio.running(); ++i) {
        ASSERT_TRUE(nbd.running()) << nbd.wait().status << nbd.err();
        if (i % 3 == 2) {
            const Outcome reload = ctl({"reload", device.name()});
            EXPECT_EQ(reload.status, 0) << reload.text();
            continue;
        }
        eventually([&] { return info(device.control()).taken > 0 || !fio.running(); });
        blows.push_back(strike(
            device, [&] { kill_each(supervisor.workers()); },
            [&] { EXPECT_TRUE(await_healed(device)); }));
        std::this_thread::sleep_for(700ms);
    }
    fio.finish();
    figure("kills that met requests", std::to_string(count_met(blows)));
    EXPECT_GT(count_met(blows), 0U);
    EXPECT_EQ(info(device.control()).errors, 0U);
    supervisor.stop();
}

// The server is killed and started again under load, several times. Requests wait, without an
// error, and the log says why, and that it is over.
TEST_F(NbdStore, WaitsForItsServer) {
    allow_time(300s);
    make_file("disk.img", 64 * mib);
    std::optional<Program> nbd = file_server();
    TestDevice device(full_config(64 * mib));
    NbdSupervisor supervisor(device, store());
    Fio fio({.target = device.block_path(), .depth = 32, .runtime = in_form(60s, 12s)});
    ASSERT_TRUE(fio.await_traffic(device));
    int times = 0;
    for (; fio.running() && times < in_form(20, 4); ++times) {
        times % 2 == 0 ? nbd->kill() : (nbd->signal(SIGTERM), nbd->kill());
        EXPECT_TRUE(supervisor.says("lost the connection to " + uri()));
        if (times == 1)
            kill_each({supervisor.workers().front()}); // while it waits
        nbd = file_server();
        std::this_thread::sleep_for(1500ms);
    }
    fio.finish();
    figure("deaths of the server", std::to_string(times));
    EXPECT_TRUE(supervisor.says("connected to " + uri() + " again"));
    EXPECT_EQ(info(device.control()).errors, 0U);
    supervisor.stop();
}

// A write that a lost connection may still carry out is sent again only when that cannot be any
// longer, and the device obliges everybody to wait as long for what a dead worker held.
TEST_F(NbdStore, RepeatsWritesAfterItsFence) {
    allow_time(120s);
    make_file("disk.img", 16 * mib);
    std::optional<Program> nbd = server({"--filter=delay", "file", disk(), "wdelay=3600"});
    Program driver({built("userblkctl"), "serve", "--create", "fence=wait:3s," + uri()});
    ASSERT_TRUE(eventually([&] { return !driver.out().empty() || !driver.running(); }))
        << driver.err();
    const Fd node = open_file("/dev/userblkc0", O_RDWR);
    EXPECT_EQ(info(node.get()).config.store_class, USERBLK_STORE_UNFENCED);
    EXPECT_EQ(info(node.get()).config.store_wait_ns, 3'000'000'000U);
    Program write({"dd", "if=/dev/zero", "of=/dev/userblk0", "bs=4k", "count=1", "oflag=direct"});
    EXPECT_TRUE(eventually([&] { // udev reads, too
        const auto taken = taken_list(node.get());
        return std::any_of(taken.begin(), taken.end(),
                           [](const auto& each) { return each.op == USERBLK_OP_WRITE; });
    }));
    const auto lost = std::chrono::steady_clock::now();
    nbd->kill();
    nbd = file_server();
    EXPECT_EQ(write.wait(2 * patience).status, 0);
    EXPECT_GE(std::chrono::steady_clock::now() - lost, 3s);
    driver.signal(SIGTERM);
    EXPECT_EQ(driver.wait(2 * patience).status, 0) << driver.err();
}

// A store whose late writes are not excluded is refused for a device that takes them for
// impossible.
TEST_F(NbdStore, IsRefusedForADeviceThatDoesNotWait) {
    Program nbd = server({"memory", "16M"});
    TestDevice device(full_config(16 * mib));
    const Outcome refused = ctl({"serve", device.name(), uri()});
    EXPECT_EQ(refused.status, 1) << refused.text();
    EXPECT_TRUE(has(refused.text(), "store class")) << refused.text();
}

// The server comes back with a smaller export, and without what it offered: nothing is sent to it,
// and the log says why. When it is as before, the requests go on.
TEST_F(NbdStore, SendsNothingToAnotherExport) {
    allow_time(120s);
    make_file("disk.img", 64 * mib);
    std::optional<Program> nbd = file_server();
    TestDevice device(full_config(64 * mib));
    NbdSupervisor supervisor(device, store(), {"--workers", "1"});
    nbd->kill();
    nbd = server({"memory", "32M"});
    const Io write = device.write(0, Buffer(4096));
    EXPECT_TRUE(supervisor.says("the export has 32M (33554432 bytes) now, less than 64M"));
    nbd->kill();
    nbd = server({"-r", "file", disk()});
    EXPECT_TRUE(supervisor.says("the export is read-only now"));
    EXPECT_FALSE(write->finished());
    nbd->kill();
    nbd = file_server();
    EXPECT_EQ(write->result(), 0);
    supervisor.stop();
}

// With a limit, requests fail when it is over, and later ones have their own.
TEST_F(NbdStore, FailsAfterItsLimit) {
    allow_time(120s);
    make_file("disk.img", 64 * mib);
    std::optional<Program> nbd = file_server();
    TestDevice device(full_config(64 * mib));
    NbdSupervisor supervisor(device, store(), {"--workers", "1", "--retry", "500ms"});
    nbd->kill();
    EXPECT_EQ(device.read(0, 4096)->result(), ETIMEDOUT);
    EXPECT_EQ(device.read(4096, 4096)->result(), ETIMEDOUT);
    nbd = file_server();
    EXPECT_EQ(device.read(0, 4096)->result(), 0);
    supervisor.stop();
}

// A device is removed while its server is gone: the workers end. SIGTERM to the supervisor while
// requests wait: they are put back at the drain limit, and the next workers carry them out.
TEST_F(NbdStore, EndsWithoutItsServer) {
    allow_time(180s);
    make_file("disk.img", 64 * mib);
    std::optional<Program> nbd = file_server();
    {
        TestDevice device(full_config(64 * mib));
        NbdSupervisor supervisor(device, store(), {"--workers", "1", "--drain-limit", "1s"});
        nbd->kill();
        const Io write = device.write(0, Buffer(4096));
        EXPECT_TRUE(supervisor.says("lost the connection"));
        EXPECT_TRUE(eventually([&] { return info(device.control()).taken == 1; }));
        supervisor.program().signal(SIGTERM);
        supervisor.program().wait(2 * patience);
        EXPECT_FALSE(write->finished());
        nbd = file_server();
        NbdSupervisor next(device, store());
        EXPECT_EQ(write->result(), 0);
        next.stop();
    }
    TestDevice device(full_config(64 * mib));
    NbdSupervisor supervisor(device, store(), {"--workers", "1"});
    nbd->kill();
    const Io write = device.write(0, Buffer(4096));
    EXPECT_TRUE(eventually([&] { return info(device.control()).taken == 1; }));
    EXPECT_EQ(device.remove(), 0);
    EXPECT_EQ(write->result(), EIO);
    EXPECT_EQ(supervisor.program().wait(2 * patience).status, 0) << supervisor.program().err();
}

// What is wrong is said in one message, with what would be right; nothing is left behind.
TEST_F(NbdStore, SaysWhatIsWrong) {
    allow_time(120s);
    const struct {
        std::string store, text;
        int status;
    } cases[] = {
        {"nbd://", "it names no host", 2},
        {"nbd+unix:///disk", "it names no socket", 2},
        {"nbd+unix:///?socket=nbd.sock", "not absolute", 2},
        {uri(), "unable to connect to " + uri(), 1},
        {"nbd://127.0.0.1:1/", "Connection refused", 1},
        {"fence=maybe," + uri(), "expected fence=none or fence=wait:TIME", 2},
        {"fence=none,mem:", "fence= is for stores on NBD servers", 2},
    };
    for (const auto& each : cases) {
        const Outcome outcome = serve(each.store);
        EXPECT_EQ(outcome.status, each.status) << outcome.text();
        EXPECT_TRUE(has(outcome.err, each.text)) << each.store << " " << outcome.text();
    }
    EXPECT_TRUE(has(serve("mem:", {"--size", "1M", "--retry", "1s"}).err, "another machine"));
    Program nbd = server({"--filter=multi-conn", "memory", "16M", "multi-conn-mode=disable"});
    const Outcome several = serve(uri(), {"--workers", "2"});
    EXPECT_EQ(several.status, 1);
    EXPECT_TRUE(has(several.err, "--workers=1")) << several.text();
    TestDevice device(full_config(32 * mib));
    const Outcome small = ctl({"serve", device.name(), uri()});
    EXPECT_EQ(small.status, 1);
    EXPECT_TRUE(has(small.err, "has 16M")) << small.text();
    EXPECT_TRUE(has(small.err, "32M")) << small.text();
    nbd.kill();
    Program read_only = server({"-r", "memory", "32M"});
    const Outcome refused = ctl({"serve", device.name(), uri()});
    EXPECT_EQ(refused.status, 1);
    EXPECT_TRUE(has(refused.err, "is read-only")) << refused.text();
    EXPECT_EQ(list_devices().size(), 1U);
}

// A server that speaks another protocol, and one that hangs up in the middle of its greeting.
TEST_F(NbdStore, ServersThatAreNone) {
    const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{AF_UNIX, {}};
    socket().copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(listen(listener.get(), 8), 0);
    for (const std::string& greeting :
         {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string("NBDMAGIC")}) {
        std::thread peer([&] {
            const Fd connection(accept(listener.get(), nullptr, nullptr));
            send(connection.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL);
        });
        const Outcome outcome = serve(uri());
        peer.join();
        EXPECT_EQ(outcome.status, 1) << outcome.text();
        EXPECT_TRUE(has(outcome.err, "unable to connect to " + uri())) << outcome.text();
    }
}

// With TLS, here by a key that both know. Without the key, or with another one, nothing is served.
TEST_F(NbdStore, IsEncrypted) {
    const std::string keys = folder() + "/keys", others = folder() + "/others";
    shell("echo alice:00112233445566778899aabbccddeeff >\"$1\"; "
          "echo alice:ffeeddccbbaa99887766554433221100 >\"$2\"",
          {keys, others});
    Program nbd = server({"--tls=require", "--tls-psk=" + keys, "memory", "16M"});
    EXPECT_EQ(serve(uri()).status, 1);
    const auto with = [&](const std::string& file) {
        return "nbds+unix://alice@/?socket=" + socket() + "&tls-psk-file=" + file;
    };
    const Outcome refused = serve(with(others));
    EXPECT_EQ(refused.status, 1) << refused.text();
    EXPECT_TRUE(has(refused.err, "unable to connect to nbds+unix://")) << refused.text();
    TestDevice device(full_config(16 * mib));
    NbdSupervisor supervisor(device, "fence=none," + with(keys));
    verify_with_fio({.target = device.block_path(), .size = "8m"});
    supervisor.stop();
}

// An export that a device of this machine has is refused to a second one, which would mix its data
// with those of the first; however its URI is written, and even while no worker lives.
TEST_F(NbdStore, HasOneDevice) {
    Program nbd = server({"memory", "16M"});
    TestDevice device(full_config(16 * mib)), other(full_config(16 * mib));
    {
        NbdSupervisor supervisor(device, store());
        kill_each(supervisor.workers());
        for (const auto& store : {uri(), "nbd+unix://me@/?socket=" + socket()}) {
            const Outcome refused = ctl({"serve", other.name(), store});
            EXPECT_EQ(refused.status, 1) << refused.text();
            EXPECT_TRUE(has(refused.err, "is already the store of " + device.name()))
                << refused.text();
            EXPECT_EQ(serve(store).status, 1);
        }
        NbdSupervisor shared(other, store(), {"--share"});
        shared.stop();
        supervisor.stop();
    }
    NbdSupervisor next(other, store());
    next.stop();
}

// Decorators stand in front of it as of any store, and one thread serves an export that does not
// allow more.
TEST_F(NbdStore, IsDecoratedLikeOthers) {
    allow_time(120s);
    Program nbd = server({"--filter=multi-conn", "memory", "16M", "multi-conn-mode=disable"});
    auto config = full_config(16 * mib);
    {
        TestDevice device(config);
        NbdSupervisor supervisor(device, "log,delay=1ms,errors=100," + store());
        EXPECT_TRUE(eventually([&] { return supervisor.workers().size() == 2; })); // one spare
        int failed = 0;
        for (int i = 0; i < 200; ++i)
            failed += device.read(0, 4096)->result() == EIO;
        EXPECT_GE(failed, 1);
        EXPECT_LE(failed, 3);
        EXPECT_TRUE(supervisor.says("read of 4096 at 0: ok"));
        supervisor.stop();
    }
    config.flags |= USERBLK_F_READ_ONLY;
    TestDevice device(config);
    NbdSupervisor supervisor(device, "readonly," + store());
    EXPECT_EQ(device.read(0, 4096)->result(), 0);
    supervisor.stop();
}

} // namespace userblk::test
