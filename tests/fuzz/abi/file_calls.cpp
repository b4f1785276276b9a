// SPDX-License-Identifier: MIT
//
// Calls on a control node that any file supports.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tests/fuzz/abi/step.hpp"
#include "tests/support/fd.hpp"

namespace userblk::fuzz {

namespace {

constexpr std::uint8_t untouched = 0xc3;
constexpr std::size_t most = 1 << 20; // transferred by one call

int error_of(long result) {
    return result < 0 ? errno : 0;
}

std::size_t length_of(const Step& step) {
    return std::min<std::size_t>(step.value("length"),
                                 step.value("length") > UINT32_MAX ? 4096 : most);
}

off_t offset_of(const Step& step) {
    return static_cast<off_t>(step.value("at"));
}

// The memory for the payload in pieces of equal length.
std::vector<iovec> pieces_of(const Step& step, CallBuffers& buffers) {
    const std::size_t length = length_of(step);
    const std::size_t n = std::clamp<std::size_t>(step.value("pieces"), 1, 64);
    std::vector<iovec> pieces;
    const std::uint64_t at = buffers.payload.address_of(step.memory("memory"), length);
    for (std::size_t i = 0; i < n; i++)
        pieces.push_back({reinterpret_cast<void*>(at + i * (length / n)), length / n});
    return pieces;
}

void read_payload(const Step& step, CallBuffers& buffers, Shared& shared) {
    const auto there = buffers.payload.writable(step.memory("memory"), length_of(step));
    std::memset(there.data(), untouched, there.size());
    const std::vector<iovec> pieces = pieces_of(step, buffers);
    const ssize_t n =
        preadv(step.on.fd, pieces.data(), static_cast<int>(pieces.size()), offset_of(step));
    shared.count(Kind::read, error_of(n));
    if (shows_address(there, {}))
        shared.complain("an address of the kernel came back from a read");
}

void write_payload(const Step& step, CallBuffers& buffers, Shared& shared) {
    const std::vector<iovec> pieces = pieces_of(step, buffers);
    const ssize_t n =
        pwritev(step.on.fd, pieces.data(), static_cast<int>(pieces.size()), offset_of(step));
    shared.count(Kind::write, error_of(n));
}

// Uses a pipe of its own, which is filled first if the payload comes from it.
void splice_payload(const Step& step, CallBuffers& buffers, Shared& shared) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        return shared.count(Kind::splice, errno);
    const test::Fd out(ends[0]), in(ends[1]);
    const std::size_t length = length_of(step);
    const auto flags = step.value32("flags") | SPLICE_F_NONBLOCK;
    loff_t offset = offset_of(step);
    ssize_t n;
    if (step.value("direction") == 1) {
        n = ::write(in.get(), buffers.payload.data(), std::min<std::size_t>(length, 65536));
        if (n > 0)
            n = ::splice(out.get(), nullptr, step.on.fd, &offset, length, flags);
        return shared.count(Kind::splice, error_of(n));
    }
    n = ::splice(step.on.fd, &offset, in.get(), nullptr, length, flags);
    shared.count(Kind::splice, error_of(n));
    std::uint8_t* to = buffers.payload.data();
    n = ::read(out.get(), to, buffers.payload.size());
    if (n > 0 && shows_address({to, static_cast<std::size_t>(n)}, {}))
        shared.complain("an address of the kernel came back from a splice");
}

void map(const Step& step, Shared& shared) {
    const std::size_t length = std::min<std::size_t>(length_of(step), most);
    void* at = mmap(nullptr, length, static_cast<int>(step.value("protection")) & 7,
                    static_cast<int>(step.value("flags")) & 3, step.on.fd, 0);
    shared.count(Kind::map, at == MAP_FAILED ? errno : 0);
    if (at == MAP_FAILED)
        return;
    shared.complain("a control node could be mapped");
    munmap(at, length);
}

void control(const Step& step, Shared& shared) {
    static constexpr int commands[] = {F_GETFL,    F_SETFL,      F_DUPFD_CLOEXEC, F_GETLEASE,
                                       F_SETLEASE, F_GETPIPE_SZ, F_GET_RW_HINT};
    const std::uint64_t which = step.value("command") % std::size(commands);
    alignas(8) std::uint64_t hint = 0;
    unsigned long argument = step.value("value");
    if (commands[which] == F_GET_RW_HINT)
        argument = reinterpret_cast<std::uintptr_t>(&hint);
    else if (commands[which] != F_SETFL)
        argument = 0;
    const int result = ::fcntl(step.on.fd, commands[which], argument);
    shared.count(Kind::fcntl, error_of(result));
    if (commands[which] == F_DUPFD_CLOEXEC && result >= 0)
        ::close(result);
    if (commands[which] == F_SETFL)
        ::fcntl(step.on.fd, F_SETFL, 0);
}

} // namespace

void make_file_call(const Step& step, CallBuffers& buffers, Shared& shared) {
    switch (step.kind) {
    case Kind::poll: {
        pollfd entry{step.on.fd, static_cast<short>(step.value("events")), 0};
        const auto limit = static_cast<int>(std::min<std::uint64_t>(step.value("timeout"), 5));
        return shared.count(Kind::poll, error_of(::poll(&entry, 1, limit)));
    }
    case Kind::read:
        return read_payload(step, buffers, shared);
    case Kind::write:
        return write_payload(step, buffers, shared);
    case Kind::splice:
        return splice_payload(step, buffers, shared);
    case Kind::sendfile: {
        off_t offset = offset_of(step);
        const ssize_t n = ::sendfile(step.file("file"), step.on.fd, &offset, length_of(step));
        return shared.count(Kind::sendfile, error_of(n));
    }
    case Kind::seek:
        return shared.count(Kind::seek, error_of(::lseek(step.on.fd, offset_of(step),
                                                         static_cast<int>(step.value("whence")))));
    case Kind::map:
        return map(step, shared);
    case Kind::fcntl:
        return control(step, shared);
    case Kind::pause: {
        const auto ms = static_cast<long>(std::min<std::uint64_t>(step.value("ms"), 20));
        const timespec time{0, ms * 1'000'000};
        return shared.count(Kind::pause, error_of(nanosleep(&time, nullptr)));
    }
    default:
        return;
    }
}

} // namespace userblk::fuzz
