// SPDX-License-Identifier: MIT
//
// A relay: forwards requests to a peer over a Unix socket (see forward_peer.cpp). It moves
// data by splice(2) between the control node and the socket, never through its own
// memory. It uses userblk_ioctl.h and the C library alone.
//
//     forward_peer peer.sock disk.img &          here, or on another machine with ssh -L
//     userblkctl create --size 64M               prints /dev/userblkN
//     forward /dev/userblkcN peer.sock &         as often as you like
//
// Each relay has its own connection. Killing a relay loses nothing: another one puts
// back what it held. While the peer is down, requests wait in the queue.
#include <ioctl/userblk_ioctl.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

int node, connection, pipe_ends[2];
userblk_reset reset{}; // dead takers

[[noreturn]] void die(const char* what, const char* on) {
    std::fprintf(stderr, "forward: unable to %s %s: %s\n", what, on, std::strerror(errno));
    std::exit(1);
}

// Receives the peer's status: 0 or a negative errno. The peer greets with 0.
bool hear(std::int32_t& status) {
    return recv(connection, &status, sizeof(status), MSG_WAITALL) == sizeof(status);
}

// Closing drops partial transfers.
void hang_up() {
    close(connection), close(pipe_ends[0]), close(pipe_ends[1]);
}

// Retries until the peer answers; false if the device is removed first.
bool reach(const sockaddr_un& peer) {
    for (bool reported = false;; reported = true) {
        connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connection < 0 || pipe2(pipe_ends, O_CLOEXEC) < 0)
            die("create", "a socket and a pipe");
        std::int32_t greeting = 0;
        if (connect(connection, reinterpret_cast<const sockaddr*>(&peer), sizeof(peer)) == 0 &&
            hear(greeting))
            return true;
        if (!reported)
            std::fprintf(stderr, "forward: %s: peer not reachable; requests wait\n", peer.sun_path);
        hang_up();
        pollfd entry{node, 0, 0};
        if (poll(&entry, 1, 1000) > 0)
            return false;
    }
}

// Splices through the pipe, without a copy in this process.
bool move(int from, loff_t* from_place, int to, loff_t* to_place, std::size_t length) {
    while (length > 0) {
        auto in = splice(from, from_place, pipe_ends[1], nullptr, length, SPLICE_F_MOVE);
        if (in <= 0)
            return false;
        length -= static_cast<std::size_t>(in);
        while (in > 0) {
            const auto left = static_cast<std::size_t>(in);
            const auto out = splice(pipe_ends[0], nullptr, to, to_place, left, SPLICE_F_MOVE);
            if (out <= 0)
                return false;
            in -= out;
        }
    }
    return true;
}

// True if the request is no longer ours: answered now, or put back by another process.
bool put(const userblk_request& request, std::uint16_t action, std::int32_t status) {
    userblk_answer answer{};
    answer.id = request.id;
    answer.action = action;
    answer.status = status;
    userblk_put put{reinterpret_cast<std::uintptr_t>(&answer), sizeof(answer), 1, 0, 0};
    return ioctl(node, USERBLK_PUT, &put) == 0 && (answer.result == 0 || answer.result == -ESTALE);
}

// The request itself is the header; the peer answers with a status, and then the data of a READ.
// A WRITE is acknowledged once the peer has stored it. False: the connection is broken.
bool forward(const userblk_request& request) {
    auto place = static_cast<loff_t>(request.payload);
    std::int32_t status = 0;
    const bool write = request.op == USERBLK_OP_WRITE, read = request.op == USERBLK_OP_READ;
    if (send(connection, &request, sizeof(request), 0) != sizeof(request) ||
        (write && !move(node, &place, connection, nullptr, request.length)) || !hear(status) ||
        (read && status == 0 && !move(connection, nullptr, node, &place, request.length)))
        return false;
    return put(request, USERBLK_ACTION_COMPLETE, status);
}

// Forwards requests one by one until the connection breaks or the device is removed (false).
bool serve() {
    for (;;) {
        userblk_request request{}; // no room: the payload stays in the kernel
        const auto room = reinterpret_cast<std::uintptr_t>(&request);
        userblk_get get{room, -1, sizeof(request), 1, USERBLK_ANY_QUEUE, USERBLK_GET_WATCH};
        const bool well = ioctl(node, USERBLK_GET, &get) == 0;
        if (!well && errno == ENODEV)
            return false;
        if (!well && errno != EINTR && errno != ENOMEM)
            die("take requests from", "the device");
        if (well && (get.flags & USERBLK_GET_ORPHANS))
            ioctl(node, USERBLK_RESET, &reset);
        if (well && get.count == 1 && request.result == 0 && !forward(request)) {
            put(request, USERBLK_ACTION_GIVE_BACK, 0); // another relay may reach the peer
            return true;
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    sockaddr_un peer{AF_UNIX, {}};
    if (argc != 3 || std::strlen(argv[2]) >= sizeof(peer.sun_path))
        return std::fputs("usage: forward /dev/userblkcN SOCKET\n", stderr), 2;
    std::memcpy(peer.sun_path, argv[2], std::strlen(argv[2]));
    std::signal(SIGPIPE, SIG_IGN); // a lost connection is not fatal
    userblk_info info{};
    info.taken_size = sizeof(userblk_taken);
    if ((node = open(argv[1], O_RDWR | O_CLOEXEC)) < 0 || ioctl(node, USERBLK_INFO, &info) < 0)
        die("get the status of", argv[1]);
    errno = EOPNOTSUPP; // reported by an old module
    if ((info.features & USERBLK_FEATURE_PAYLOAD_FILE) == 0)
        die("splice payloads of", argv[1]);
    if (info.config.store_class == USERBLK_STORE_UNFENCED)
        errno = EOWNERDEAD, die("put back requests of", argv[1]);
    // The peer fences: it drops what a dead relay sent before, because its ids are older.
    if (info.config.store_class == USERBLK_STORE_FENCED)
        reset.flags = USERBLK_RESET_FENCED;
    while (reach(peer) && serve())
        hang_up();
}
