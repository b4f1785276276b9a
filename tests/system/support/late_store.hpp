// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <sys/types.h>

#include "tests/support/buffer.hpp"
#include "tests/support/fd.hpp"

namespace userblk::test {

// A store at the other end of a network, with remote_driver as its client: it lives in this
// process, so that what a worker has sent outlives the worker. The network can be made to hold one
// write, and to deliver it when the test wants, much later than its client's death.
class LateStore {
public:
    // Listens at this path.
    LateStore(const std::string& path, std::size_t size);
    LateStore(const LateStore&) = delete;
    LateStore& operator=(const LateStore&) = delete;
    ~LateStore();

    void hold_next_write();
    // Whether a write is on the wire.
    bool holds() const;
    // Delivers it. False: there is none, because its client was fenced.
    bool land();
    // Drops what this client has sent and not delivered, and refuses what it sends from now on. As
    // clients do it for one another. A new connection is a new client.
    void fence(pid_t pid);
    // How often a client was fenced.
    unsigned int fences() const;
    // From now on clients cannot fence one another: they get an error.
    void refuse_fences(bool refuse);
    unsigned int refused_fences() const;

private:
    struct Client {
        Fd socket;
        pid_t pid = 0;
        bool fenced = false;
        std::thread thread{};
    };
    struct Held {
        Client* client;
        std::uint64_t offset;
        std::vector<std::uint8_t> data;
    };

    void accept_clients();
    void serve(Client& client);
    bool serve_call(Client& client);
    int fence_for_client(pid_t pid);
    int write(Client& client, std::uint64_t offset, std::vector<std::uint8_t> data);

    Fd listener_;
    mutable std::mutex mutex_; // guards all below
    std::condition_variable changed_;
    std::vector<std::uint8_t> content_;
    std::list<Client> clients_;
    bool hold_ = false;
    std::optional<Held> held_;
    unsigned int fences_ = 0;
    bool refuse_fences_ = false;
    unsigned int refused_fences_ = 0;
    bool ending_ = false;
    std::thread acceptor_;
};

} // namespace userblk::test
