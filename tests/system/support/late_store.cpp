// SPDX-License-Identifier: MIT
#include "late_store.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>

#include "late_store_protocol.hpp"

namespace userblk::test {

namespace {

bool receive(const Fd& socket, void* data, std::size_t length) {
    return length == 0 || ::recv(socket.get(), data, length, MSG_WAITALL) == ssize_t(length);
}

bool send(const Fd& socket, const void* data, std::size_t length) {
    return length == 0 || ::send(socket.get(), data, length, MSG_NOSIGNAL) == ssize_t(length);
}

} // namespace

LateStore::LateStore(const std::string& path, std::size_t size)
    : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), content_(size) {
    sockaddr_un address{AF_UNIX, {}};
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) ||
        ::listen(listener_.get(), 64))
        throw std::runtime_error("LateStore: " + path + ": " + std::strerror(errno));
    acceptor_ = std::thread([this] { accept_clients(); });
}

LateStore::~LateStore() {
    {
        const std::lock_guard guard(mutex_);
        ending_ = true;
        ::shutdown(listener_.get(), SHUT_RDWR);
        for (const Client& client : clients_)
            ::shutdown(client.socket.get(), SHUT_RDWR);
    }
    changed_.notify_all();
    acceptor_.join();
    for (Client& client : clients_)
        client.thread.join();
}

void LateStore::hold_next_write() {
    const std::lock_guard guard(mutex_);
    hold_ = true;
}

bool LateStore::holds() const {
    const std::lock_guard guard(mutex_);
    return held_.has_value();
}

bool LateStore::land() {
    const std::lock_guard guard(mutex_);
    if (!held_)
        return false;
    std::copy(held_->data.begin(), held_->data.end(),
              content_.begin() + static_cast<std::ptrdiff_t>(held_->offset));
    held_.reset();
    changed_.notify_all();
    return true;
}

void LateStore::fence(pid_t pid) {
    const std::lock_guard guard(mutex_);
    fences_++;
    for (Client& client : clients_)
        client.fenced |= client.pid == pid;
    if (held_ && held_->client->fenced)
        held_.reset();
    changed_.notify_all();
}

unsigned int LateStore::fences() const {
    const std::lock_guard guard(mutex_);
    return fences_;
}

void LateStore::refuse_fences(bool refuse) {
    const std::lock_guard guard(mutex_);
    refuse_fences_ = refuse;
}

unsigned int LateStore::refused_fences() const {
    const std::lock_guard guard(mutex_);
    return refused_fences_;
}

int LateStore::fence_for_client(pid_t pid) {
    {
        const std::lock_guard guard(mutex_);
        if (refuse_fences_) {
            refused_fences_++;
            return EHOSTUNREACH;
        }
    }
    fence(pid);
    return 0;
}

void LateStore::accept_clients() {
    for (;;) {
        Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        ucred peer{};
        socklen_t length = sizeof(peer);
        const std::lock_guard guard(mutex_);
        if (ending_)
            return;
        if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length))
            continue;
        Client& client = clients_.emplace_back(Client{std::move(socket), peer.pid});
        client.thread = std::thread([this, &client] { serve(client); });
    }
}

void LateStore::serve(Client& client) {
    while (serve_call(client)) {
    }
}

// False: the client has gone.
bool LateStore::serve_call(Client& client) {
    LateStoreCall call;
    if (!receive(client.socket, &call, sizeof(call)) || call.length > content_.size() ||
        call.offset > content_.size() - call.length)
        return false;
    std::vector<std::uint8_t> data(call.length);
    LateStoreResult result = 0;
    switch (call.kind) {
    case LateStoreCall::read: {
        const std::lock_guard guard(mutex_);
        std::copy_n(content_.begin() + static_cast<std::ptrdiff_t>(call.offset), call.length,
                    data.begin());
        result = client.fenced ? EKEYREJECTED : 0;
        break;
    }
    case LateStoreCall::write:
        if (!receive(client.socket, data.data(), data.size()))
            return false;
        result = write(client, call.offset, std::move(data));
        data.clear();
        break;
    case LateStoreCall::fence:
        result = fence_for_client(call.pid);
        break;
    }
    if (result)
        data.clear();
    return send(client.socket, &result, sizeof(result)) &&
           send(client.socket, data.data(), data.size());
}

int LateStore::write(Client& client, std::uint64_t offset, std::vector<std::uint8_t> data) {
    std::unique_lock guard(mutex_);
    if (client.fenced)
        return EKEYREJECTED;
    if (!std::exchange(hold_, false)) {
        std::copy(data.begin(), data.end(), content_.begin() + static_cast<std::ptrdiff_t>(offset));
        return 0;
    }
    held_ = Held{&client, offset, std::move(data)};
    changed_.wait(guard, [this] { return !held_ || ending_; });
    return client.fenced ? EKEYREJECTED : 0;
}

} // namespace userblk::test
