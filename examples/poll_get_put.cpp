// SPDX-License-Identifier: MIT
//
// The basic loop: poll, GET, carry out, PUT. It uses only the kernel's interface
// (userblk_ioctl.h) and the C library; it works alike in any language.
//
//     truncate -s 64M disk.img
//     userblkctl create --size 64M               prints /dev/userblkN
//     poll_get_put /dev/userblkcN disk.img &     as often as you like
//
// All processes share the store, a mapped file, so that acknowledged data outlives
// the process that wrote it. They watch each other: when a process dies while it holds
// requests, poll reports POLLPRI, and a RESET puts them back.
#include <ioctl/userblk_ioctl.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

constexpr unsigned batch = 16;

struct Store {
    char* data;
    std::uint64_t size;
};

[[noreturn]] void die(const char* what, const char* on) {
    std::fprintf(stderr, "poll_get_put: unable to %s %s: %s\n", what, on, std::strerror(errno));
    std::exit(1);
}

int open_file(const char* path) {
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        die("open", path);
    return fd;
}

Store map_file(const char* path) {
    const int fd = open_file(path);
    struct stat status {};
    if (fstat(fd, &status) < 0)
        die("get the status of", path);
    const auto size = static_cast<std::uint64_t>(status.st_size);
    void* const address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED)
        die("map", path);
    close(fd); // the mapping stays
    return {static_cast<char*>(address), size};
}

std::uint64_t address_of(const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer);
}

// PUTs one answer; returns the error, or 0.
int put(int node, userblk_answer& answer) {
    userblk_put put{};
    put.answers = address_of(&answer);
    put.answer_size = sizeof(answer);
    put.count = 1;
    answer.result = 0;
    return ioctl(node, USERBLK_PUT, &put) < 0 ? errno : -answer.result;
}

// Makes the data durable before the acknowledgment: fetches the payload first, and
// holds the request until its range of the file is on stable storage.
int write_durably(int node, const userblk_request& request, const Store& store) {
    userblk_answer fetch{};
    fetch.id = request.id;
    fetch.action = USERBLK_ACTION_FETCH;
    fetch.addr = address_of(store.data + request.offset);
    fetch.length = request.length;
    if (const int error = put(node, fetch))
        return error;
    const auto inside_page = request.offset % static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    return msync(store.data + request.offset - inside_page, request.length + inside_page, MS_SYNC)
               ? errno
               : 0;
}

// Carries out this process's part of a request and prepares its answer. The kernel
// copies: the data of a READ straight from the store, the data of a WRITE straight
// into it (STORE). Only then does it acknowledge the WRITE.
userblk_answer carry_out(int node, const userblk_request& request, const Store& store) {
    userblk_answer answer{};
    answer.id = request.id;
    answer.action = USERBLK_ACTION_COMPLETE;
    if (request.offset + request.length > store.size) {
        answer.status = -EIO; // the device is larger than the file
        return answer;
    }
    char* const place = store.data + request.offset;
    switch (request.op) {
    case USERBLK_OP_WRITE:
        if (request.flags & USERBLK_REQ_FUA) {
            answer.status = -write_durably(node, request, store);
            break;
        }
        answer.action = USERBLK_ACTION_STORE;
        [[fallthrough]];
    case USERBLK_OP_READ:
        answer.addr = address_of(place);
        answer.length = request.length;
        break;
    case USERBLK_OP_FLUSH:
        answer.status = msync(store.data, store.size, MS_SYNC) ? -errno : 0;
        break;
    case USERBLK_OP_WRITE_ZEROES:
        std::memset(place, 0, request.length);
        if (request.flags & USERBLK_REQ_FUA)
            answer.status = msync(store.data, store.size, MS_SYNC) ? -errno : 0;
        break;
    case USERBLK_OP_DISCARD: // a hint
        break;
    default: // a later module's
        answer.status = -EOPNOTSUPP;
    }
    return answer;
}

// Takes up to a batch of requests and answers them. False: the device is gone.
bool serve(int node, const Store& store) {
    userblk_request requests[batch] = {}; // no room for payloads: they go straight to the store
    userblk_get get{};
    get.requests = address_of(requests);
    get.request_size = sizeof(requests[0]);
    get.count = batch;
    get.queue = USERBLK_ANY_QUEUE;
    if (ioctl(node, USERBLK_GET, &get) < 0) {
        if (errno == ENODEV)
            return false;
        if (errno == EINTR || errno == ENOMEM)
            return true;
        die("take requests from", "the device");
    }
    for (unsigned i = 0; i < get.count; ++i) {
        if (requests[i].result != 0)
            continue; // this record holds no request
        auto answer = carry_out(node, requests[i], store);
        const int error = put(node, answer);
        if (error == ENODEV)
            return false;
        if (error == 0 || error == ESTALE)
            continue; // ESTALE: put back by another process
        // Most likely the file has shrunk, or its disk is full.
        userblk_answer failure{};
        failure.id = requests[i].id;
        failure.action = USERBLK_ACTION_COMPLETE;
        failure.status = -EIO;
        put(node, failure);
    }
    return true;
}

// Others of the device rely on what it was created for, and this program fences nothing.
void check_store_class(int node, const char* path) {
    userblk_info info{};
    if (ioctl(node, USERBLK_INFO, &info) < 0)
        die("get the status of", path);
    if (info.config.store_class == USERBLK_STORE_PROCESS)
        return;
    std::fprintf(stderr, "poll_get_put: %s wants a store that can be fenced\n", path);
    std::exit(1);
}

// A process died while it held requests. Any process may do this.
void put_back(int node) {
    userblk_reset reset{};
    reset.which = USERBLK_RESET_DEAD;
    if (ioctl(node, USERBLK_RESET, &reset) == 0 && reset.count > 0)
        std::fprintf(stderr, "poll_get_put[%d]: put back %u requests of dead processes\n", getpid(),
                     reset.count);
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: poll_get_put /dev/userblkcN FILE\n");
        return 2;
    }
    const int node = open_file(argv[1]);
    check_store_class(node, argv[1]);
    const Store store = map_file(argv[2]);
    for (;;) {
        pollfd entry{node, POLLIN | POLLPRI, 0};
        if (poll(&entry, 1, -1) < 0 && errno != EINTR)
            die("wait for", argv[1]);
        if (entry.revents & (POLLHUP | POLLERR))
            return 0; // the device was removed
        if (entry.revents & POLLPRI)
            put_back(node);
        if ((entry.revents & POLLIN) && !serve(node, store))
            return 0;
    }
}
