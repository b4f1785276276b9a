// SPDX-License-Identifier: MIT
//
// The other end of forward.cpp: stores what the relays send in a file.
//
//     forward_peer SOCKET FILE
//
// A WRITE whose relay died may arrive late, after another relay has delivered it again
// and a newer WRITE has overwritten the range. Storing it then would lose acknowledged
// data. The id of a request prevents this: a slot's generation only increases, so a
// request older than the newest one seen is stale, and is dropped with its connection.
// A peer serves one device; restart it for another.
#include <ioctl/userblk_ioctl.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <unordered_map>
#include <vector>

namespace {

int file;
std::uint64_t size;
std::mutex mutex; // guards the variables below; held while a write is stored
std::unordered_map<std::uint32_t, std::uint32_t> newest; // generations, by slot
unsigned connections;

[[noreturn]] void die(const char* what, const char* on) {
    std::fprintf(stderr, "forward_peer: unable to %s %s: %s\n", what, on, std::strerror(errno));
    std::exit(1);
}

int zero(const userblk_request& request) {
    const auto offset = static_cast<off_t>(request.offset);
    if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, request.length) < 0)
        return -errno;
    const bool keep = (request.flags & USERBLK_REQ_NOUNMAP) != 0;
    return keep && fallocate(file, FALLOC_FL_KEEP_SIZE, offset, request.length) < 0 ? -errno : 0;
}

int store(const userblk_request& request, const std::vector<char>& data) {
    for (std::size_t done = 0; done < request.length;) {
        const auto written = pwrite(file, data.data() + done, request.length - done,
                                    static_cast<off_t>(request.offset + done));
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        done += static_cast<std::size_t>(written);
    }
    return 0;
}

// Returns 0 or a negative errno.
int carry_out(const userblk_request& request, const std::vector<char>& data) {
    int status = 0;
    {
        const std::lock_guard guard(mutex);
        const auto generation = USERBLK_ID_GENERATION(request.id);
        auto& last =
            newest.try_emplace(static_cast<std::uint32_t>(request.id), generation).first->second;
        if (static_cast<std::int32_t>(generation - last) < 0)
            return -ESTALE;
        last = generation;
        if (request.offset > size || request.length > size - request.offset)
            status = -EIO; // the device is larger than the file
        else if (request.op == USERBLK_OP_WRITE)
            status = store(request, data);
        else if (request.op == USERBLK_OP_DISCARD || request.op == USERBLK_OP_WRITE_ZEROES)
            status = zero(request);
        else if (request.op != USERBLK_OP_READ && request.op != USERBLK_OP_FLUSH)
            status = -EOPNOTSUPP; // a later module's
    }
    const bool durable = request.op == USERBLK_OP_FLUSH || (request.flags & USERBLK_REQ_FUA) != 0;
    return status == 0 && durable && fdatasync(file) < 0 ? -errno : status;
}

bool receive(int connection, void* to, std::size_t length) {
    return recv(connection, to, length, MSG_WAITALL) == static_cast<ssize_t>(length);
}

bool say(int connection, std::int32_t status) {
    return send(connection, &status, sizeof(status), MSG_NOSIGNAL) == sizeof(status);
}

bool send_data(int connection, const userblk_request& request) {
    auto offset = static_cast<off_t>(request.offset);
    const auto end = offset + static_cast<off_t>(request.length);
    while (offset < end)
        if (sendfile(connection, file, &offset, static_cast<std::size_t>(end - offset)) <= 0)
            return false;
    return true;
}

void serve(int connection) {
    std::vector<char> data(USERBLK_MAX_TRANSFER);
    userblk_request request{};
    // The greeting; from here on requests of this connection count as in flight.
    for (bool well = say(connection, 0); well && receive(connection, &request, sizeof(request));) {
        const bool write = request.op == USERBLK_OP_WRITE;
        if (write &&
            (request.length > data.size() || !receive(connection, data.data(), request.length)))
            break; // all or nothing
        const int status = carry_out(request, data);
        well = status != -ESTALE && say(connection, status) &&
               (request.op != USERBLK_OP_READ || status != 0 || send_data(connection, request));
    }
    close(connection);
    const std::lock_guard guard(mutex);
    if (--connections == 0)
        newest.clear(); // no requests are in flight
}

} // namespace

int main(int argc, char** argv) {
    sockaddr_un address{AF_UNIX, {}};
    if (argc != 3 || std::strlen(argv[1]) >= sizeof(address.sun_path)) {
        std::fprintf(stderr, "usage: forward_peer SOCKET FILE\n");
        return 2;
    }
    std::memcpy(address.sun_path, argv[1], std::strlen(argv[1]));
    std::signal(SIGPIPE, SIG_IGN);
    if ((file = open(argv[2], O_RDWR | O_CLOEXEC)) < 0 || flock(file, LOCK_EX | LOCK_NB) < 0)
        die("open and lock", argv[2]); // locked: another peer would track other generations
    size = static_cast<std::uint64_t>(lseek(file, 0, SEEK_END));
    struct stat left {}; // by a peer that was killed
    if (lstat(argv[1], &left) == 0 && S_ISSOCK(left.st_mode))
        unlink(argv[1]);
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) ||
        listen(listener, SOMAXCONN))
        die("listen on", argv[1]);
    for (;;) {
        const int connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0)
            die("accept a connection on", argv[1]);
        const std::lock_guard guard(mutex);
        ++connections;
        std::thread(serve, connection).detach();
    }
}
