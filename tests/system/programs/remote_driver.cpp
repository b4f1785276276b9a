// SPDX-License-Identifier: MIT
//
// usage: remote_driver DEV SOCKET process|fenced|unfenced fence|pretend lone|pool
//
// Serves a device from a LateStore, where the writes of a dead worker may still land. With
// "pretend" its fence does nothing and reports success. "lone": one worker and nothing else;
// "pool": with a supervisor. A worker that finds itself fenced exits: another answers what it held.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>

#include "tests/system/support/late_store_protocol.hpp"
#include "userblk/userblk.hpp"

namespace {

using userblk::test::LateStoreCall;
using userblk::test::LateStoreResult;

class Connection {
public:
    explicit Connection(const std::string& path)
        : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{AF_UNIX, {}};
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)))
            throw std::runtime_error("unable to connect to " + path + ": " + std::strerror(errno));
    }

    std::error_code call(const LateStoreCall& call, std::span<const std::byte> sent,
                         std::span<std::byte> received) {
        const std::lock_guard guard(mutex_);
        LateStoreResult result = 0;
        if (!send(&call, sizeof(call)) || !send(sent.data(), sent.size()) ||
            !receive(&result, sizeof(result)) ||
            (result == 0 && !receive(received.data(), received.size())))
            return std::make_error_code(std::errc::io_error);
        if (result == EKEYREJECTED)
            std::_Exit(3);
        return {result, std::generic_category()};
    }

private:
    bool send(const void* data, std::size_t length) {
        return length == 0 || ::send(socket_.get(), data, length, MSG_NOSIGNAL) == ssize_t(length);
    }
    bool receive(void* data, std::size_t length) {
        return length == 0 || ::recv(socket_.get(), data, length, MSG_WAITALL) == ssize_t(length);
    }

    userblk::abi::FileDescriptor socket_;
    std::mutex mutex_; // one call at a time
};

struct Settings {
    std::string socket;
    userblk::StoreClass store_class;
    bool pretend;
};

class RemoteBackend final : public userblk::Backend {
public:
    RemoteBackend(Settings settings, std::uint64_t size)
        : settings_(std::move(settings)), size_(size), connection_(settings_.socket) {}

    userblk::Description describe() const override {
        userblk::Description description;
        description.size = size_;
        description.store_class = settings_.store_class;
        return description;
    }
    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override {
        return connection_.call({LateStoreCall::read, 0, offset, data.size()}, {}, data);
    }
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          userblk::WriteFlags) override {
        return connection_.call({LateStoreCall::write, 0, offset, data.size()}, data, {});
    }
    // By a connection of its own: the other may be in use.
    std::error_code fence(const userblk::DeadClient& dead) const override {
        if (settings_.pretend)
            return {};
        return Connection(settings_.socket).call({LateStoreCall::fence, dead.pid, 0, 0}, {}, {});
    }

private:
    Settings settings_;
    std::uint64_t size_;
    Connection connection_;
};

userblk::Worker* the_worker;

int serve_alone(const userblk::Device& device, const userblk::BackendFactory& make) {
    userblk::WorkerOptions options;
    options.wait = userblk::WaitMode::serve;
    options.share = true;
    options.log = userblk::log_to_stderr("remote_driver");
    userblk::Worker worker(userblk::abi::ControlNode(device.number()), make(device.context()),
                           options);
    the_worker = &worker;
    std::signal(SIGTERM, [](int) { the_worker->stop(); });
    std::puts("ready");
    std::fflush(stdout);
    worker.run();
    return 0;
}

int serve_in_pool(const userblk::Device& device, const userblk::BackendFactory& make) {
    userblk::PoolOptions options;
    options.workers = 1;
    options.backoff.longest = std::chrono::milliseconds(100); // its workers die again and again
    options.worker.wait = userblk::WaitMode::serve;
    options.worker.share = true;
    options.log = userblk::log_to_stderr("remote_driver");
    options.ready = [] {
        std::puts("ready");
        std::fflush(stdout);
    };
    const auto end = userblk::Pool(device.number(), make, options).run();
    return end == userblk::PoolEnd::stopped ? 0 : 1;
}

int serve(char** argv) {
    const std::string store_class = argv[3];
    const Settings settings{argv[2],
                            store_class == "process"  ? userblk::StoreClass::process
                            : store_class == "fenced" ? userblk::StoreClass::fenced
                                                      : userblk::StoreClass::unfenced,
                            argv[4] == std::string("pretend")};
    const auto make = [&](const userblk::DeviceContext& context) {
        return std::make_shared<RemoteBackend>(settings, context.size);
    };
    const auto device = userblk::Device::open(argv[1]);
    return argv[5] == std::string("pool") ? serve_in_pool(device, make) : serve_alone(device, make);
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 6)
        return 2;
    try {
        return serve(argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "remote_driver: %s\n", error.what());
        return 1;
    }
}
