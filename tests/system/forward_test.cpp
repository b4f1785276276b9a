// SPDX-License-Identifier: MIT
//
// The relay example, forward, and its peer.
#include <filesystem>
#include <fstream>

#include <sys/socket.h>
#include <sys/un.h>

#include "tests/system/support/fio.hpp"
#include "tests/system/support/places.hpp"

namespace userblk::test {

class Forward : public Places {
protected:
    Fd connect(const std::string& path) const {
        Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{AF_UNIX, {}};
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        // The socket's name appears a moment before the peer listens.
        int error = 0;
        eventually([&] {
            error = ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address))
                        ? errno
                        : 0;
            return error != ECONNREFUSED;
        });
        if (error)
            throw std::system_error(error, std::generic_category(), "unable to connect to " + path);
        EXPECT_EQ(heard(fd), 0) << "no greeting";
        return fd;
    }
    // The peer's status; 1 if it sends none.
    static int heard(const Fd& fd) {
        std::int32_t status = 1;
        return recv(fd.get(), &status, sizeof(status), MSG_WAITALL) == sizeof(status) ? status : 1;
    }
    static void send_write(const Fd& fd, std::uint32_t generation, char content) {
        userblk_request request{};
        request.id = static_cast<std::uint64_t>(generation) << 32 | 7;
        request.op = USERBLK_OP_WRITE;
        request.length = 512;
        const std::string data(512, content);
        send(fd.get(), &request, sizeof(request), MSG_NOSIGNAL);
        send(fd.get(), data.data(), data.size(), MSG_NOSIGNAL);
    }
};

// The peer is killed under load. I/O blocks, without errors for its users; a new peer on the same
// file receives the blocked requests and those that the dead peer had received. Relays are killed
// meanwhile, too.
TEST_F(Forward, WaitsForItsPeer) {
    const auto duration = 12s;
    allow_time(240s);
    const auto files = stores(Driver::forward, 64 * mib);
    TestDevice device(full_config(64 * mib));
    Service service(device, Driver::forward, files);
    Fio fio({.target = device.block_path(), .block = "16k", .runtime = duration});
    ASSERT_TRUE(fio.await_traffic(device));
    for (int i = 0; i < 3 && fio.running(); i++) {
        service.peer().kill();
        EXPECT_TRUE(eventually([&] { return info(device.control()).given_back > 0; }));
        if (i == 1)
            service.kill(service.workers().front());
        std::filesystem::remove(service.socket());
        service.start_peer();
        std::this_thread::sleep_for(1500ms);
    }
    fio.finish();
    EXPECT_EQ(info(device.control()).errors, 0u);
    figure("forward without its peer, requests given back",
           std::to_string(info(device.control()).given_back));
    // Without a peer, the relays still exit when the device is removed.
    service.peer().kill();
    device.remove();
    service.await_end();
}

// A write of a dead relay arrives late, after another relay has sent the same request again: the
// peer refuses it. Once all relays have hung up, another device starts over with low generations.
TEST_F(Forward, PeerRefusesWhatComesLate) {
    const std::string store = make_file("store.img", mib), path = folder() + "/peer";
    Program peer({built("forward_peer"), path, store});
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(path); }));
    const auto first_byte = [&] { return std::ifstream(store).get(); };
    {
        const Fd dead = connect(path), living = connect(path);
        send_write(living, 12, 'n');
        EXPECT_EQ(heard(living), 0);
        send_write(dead, 11, 'o');
        EXPECT_EQ(heard(dead), 1) << "an old request was answered";
        EXPECT_EQ(first_byte(), 'n');
        send_write(living, 12, 'm');
        EXPECT_EQ(heard(living), 0);
    }
    EXPECT_TRUE(eventually([&] {
        const Fd fresh = connect(path);
        send_write(fresh, 1, 'x');
        return heard(fresh) == 0;
    }));
    EXPECT_EQ(first_byte(), 'x');
    const Outcome other = run({built("forward_peer"), path + "2", store});
    EXPECT_EQ(other.status, 1);
    EXPECT_NE(other.err.find("lock " + store), std::string::npos) << other.err;
}

// A device larger than the peer's file: I/O beyond the file fails, and only that.
TEST_F(Forward, DeviceLargerThanTheFile) {
    const std::vector<std::string> files{make_file("store.img", mib)};
    TestDevice device(full_config(2 * mib));
    Service service(device, Driver::forward, files);
    EXPECT_EQ(device.write(0, Buffer(4096))->result(), 0);
    EXPECT_EQ(device.write(mib, Buffer(4096))->result(), EIO);
    EXPECT_EQ(device.read(mib, 4096)->result(), EIO);
    EXPECT_EQ(device.read(mib - 4096, 4096)->result(), 0);
}

// Wrong usage of relay, peer and worker.py, and files that cannot be used: the message names the
// mistake.
TEST_F(Forward, SaysWhatIsWrong) {
    const auto complains = [](const Arguments& argv, int status, const std::string& about) {
        const Outcome outcome = run(argv);
        EXPECT_EQ(outcome.status, status) << outcome.text();
        EXPECT_NE(outcome.err.find(about), std::string::npos) << outcome.err;
    };
    complains({built("forward")}, 2, "usage: forward");
    complains({built("forward"), "/dev/null", "x"}, 1, "/dev/null: Inappropriate");
    complains({built("forward"), "/dev/none", "x"}, 1, "/dev/none: No such file");
    complains({built("forward_peer")}, 2, "usage: forward_peer");
    complains({built("forward_peer"), folder() + "/s", folder() + "/none"}, 1, "No such file");
    complains({"/usr/bin/python3", USERBLK_EXAMPLES "/worker.py"}, 2, "usage: worker.py");
    complains({"/usr/bin/python3", USERBLK_EXAMPLES "/worker.py", "/dev/none", "x"}, 1,
              "No such file");
}

} // namespace userblk::test
