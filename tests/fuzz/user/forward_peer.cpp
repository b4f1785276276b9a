// SPDX-License-Identifier: MIT
// The example's peer, which takes requests from a socket: whatever it receives, it stays within its
// file.
#include "fuzz.hpp"

#define main forward_peer_main
#include "examples/forward_peer.cpp"
#undef main

#include <sys/mman.h>

namespace {

constexpr std::uint64_t file_size = 64 << 10;

// Drains the peer's output, so that the peer never blocks on it.
void swallow(int socket) {
    char buffer[4096];
    while (read(socket, buffer, sizeof(buffer)) > 0) {
    }
    close(socket);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    using userblk::fuzz::require;
    constexpr std::size_t most = 4 << 10; // fits into a socket
    if (length > most)
        return -1;
    file = memfd_create("forward_peer", MFD_CLOEXEC);
    size = file_size;
    connections = 1;
    int ends[2];
    require(file >= 0 && ftruncate(file, static_cast<off_t>(size)) == 0 &&
                socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0,
            "a file and a socket can be had");
    require(write(ends[1], data, length) == static_cast<ssize_t>(length), "it fits");
    shutdown(ends[1], SHUT_WR);
    std::thread listener(swallow, ends[1]);
    serve(ends[0]);
    listener.join();
    require(lseek(file, 0, SEEK_END) == static_cast<off_t>(file_size), "the file keeps its size");
    require(newest.empty(), "nothing is on its way when nobody is there");
    close(file);
    return 0;
}
