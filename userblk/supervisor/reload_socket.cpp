// SPDX-License-Identifier: MIT
#include "userblk/supervisor/reload_socket.hpp"

#include "ioctl/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace userblk {

namespace {

constexpr std::size_t longest_message = 64 << 10;
constexpr const char* ending = ".reload";

std::string socket_path(const std::string& file) {
    return file + ending;
}

// Socket addresses are short, so the address names the folder by its descriptor.
struct Address {
    explicit Address(const std::filesystem::path& path)
        : folder(abi::FileDescriptor::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY)) {
        const auto text =
            "/proc/self/fd/" + std::to_string(folder.get()) + "/" + path.filename().string();
        address.sun_family = AF_UNIX;
        if (text.size() >= sizeof(address.sun_path))
            abi::throw_error("use " + path.string(),
                             std::make_error_code(std::errc::filename_too_long));
        text.copy(address.sun_path, text.size());
    }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }

    abi::FileDescriptor folder;
    sockaddr_un address{};
};

abi::FileDescriptor make_socket() {
    abi::FileDescriptor fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!fd)
        abi::throw_errno("create a socket");
    return fd;
}

ucred peer_of(int fd) {
    ucred peer{};
    peer.uid = static_cast<uid_t>(-1);
    socklen_t size = sizeof(peer);
    ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    return peer;
}

// Strings, each followed by NUL.
std::vector<std::string> split(const char* data, std::size_t size) {
    std::vector<std::string> words;
    const char* const end = data + size;
    while (data != end) {
        const char* const nul = std::find(data, end, '\0');
        words.emplace_back(data, nul);
        data = nul == end ? end : nul + 1;
    }
    return words;
}

} // namespace

void ReloadClient::send(ReloadEvent::Kind kind, const std::string& text) noexcept {
    try {
        const auto message = static_cast<char>(kind) + text.substr(0, longest_message / 2);
        ::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    } catch (...) {
        // Not enough memory to report it.
    }
}

int ReloadClient::keep_open(bool keep) const noexcept {
    ::fcntl(fd_.get(), F_SETFD, keep ? 0 : FD_CLOEXEC);
    return fd_.get();
}

ReloadSocket::ReloadSocket(const std::string& file) : path_(socket_path(file)), owner_(::getpid()) {
    try {
        const Address address(path_);
        auto fd = make_socket();
        ::unlink(path_.c_str()); // left by the program that this one has replaced, or by a dead one
        if (::bind(fd.get(), address.get(), sizeof(address.address)) < 0 ||
            ::chmod(path_.c_str(), 0600) < 0 || ::listen(fd.get(), 8) < 0)
            abi::throw_errno("create " + path_);
        ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
        fd_ = std::move(fd);
    } catch (const std::system_error& error) {
        error_ = error.code();
    }
}

ReloadSocket::~ReloadSocket() {
    if (fd_ && owner_ == ::getpid())
        ::unlink(path_.c_str());
}

std::optional<ReloadClient> ReloadSocket::accept() noexcept {
    abi::FileDescriptor fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd)
        return std::nullopt;
    const auto peer = peer_of(fd.get());
    if (peer.uid != 0 && peer.uid != ::geteuid())
        return std::nullopt;
    const timeval limit{1, 0}; // from its connection to its request
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    try {
        std::vector<char> message(longest_message);
        const auto size = ::recv(fd.get(), message.data(), message.size(), 0);
        if (size <= 0)
            return std::nullopt;
        auto words = split(message.data(), static_cast<std::size_t>(size));
        words.erase(words.begin()); // the version
        return ReloadClient(std::move(fd), std::move(words));
    } catch (...) {
        return std::nullopt;
    }
}

ReloadRequest::ReloadRequest(const std::string& file, pid_t supervisor,
                             const std::vector<std::string>& change) {
    const auto path = socket_path(file);
    const Address address(path);
    fd_ = make_socket();
    if (::connect(fd_.get(), address.get(), sizeof(address.address)) < 0)
        abi::throw_errno("connect to " + path);
    if (supervisor != 0 && peer_of(fd_.get()).pid != supervisor) // the socket of another process
        abi::throw_error("connect to " + path, std::make_error_code(std::errc::connection_refused));
    std::string message("1");
    message += '\0';
    for (const auto& word : change)
        (message += word) += '\0';
    if (::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0)
        abi::throw_errno("send a request to " + path);
}

std::optional<ReloadEvent> ReloadRequest::wait(std::chrono::milliseconds limit) {
    pollfd entry{fd_.get(), POLLIN, 0};
    if (::poll(&entry, 1, static_cast<int>(limit.count())) <= 0)
        return std::nullopt;
    std::vector<char> message(longest_message);
    const auto size = ::recv(fd_.get(), message.data(), message.size(), 0);
    if (size <= 0)
        return ReloadEvent{ReloadEvent::Kind::failed, ""};
    return ReloadEvent{static_cast<ReloadEvent::Kind>(message[0]),
                       std::string(&message[1], static_cast<std::size_t>(size) - 1)};
}

} // namespace userblk
