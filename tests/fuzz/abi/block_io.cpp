// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/block_io.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/fuzz/abi/step.hpp"
#include "tests/support/fd.hpp"

namespace userblk::fuzz {

namespace {

constexpr std::size_t most_under_way = 24;
constexpr std::size_t largest = 128 << 10;
constexpr std::uint8_t written = 0x5a;

} // namespace

BlockIo::BlockIo(Shared& shared) : shared_(shared), memory_(most_under_way * largest) {
    if (syscall(SYS_io_setup, 2 * most_under_way, &context_))
        test::throw_errno("unable to set up asynchronous I/O");
    slots_.resize(most_under_way);
    for (std::size_t i = 0; i < most_under_way; i++)
        slots_[i].data = memory_.data() + i * largest;
}

BlockIo::~BlockIo() {
    syscall(SYS_io_destroy, context_);
}

void BlockIo::start(const IoRequest& request) {
    const auto slot =
        std::find_if(slots_.begin(), slots_.end(), [](const Slot& one) { return !one.used; });
    if (slot == slots_.end())
        return;
    const bool reads = request.operation == IoOperation::read;
    const bool moves = reads || request.operation == IoOperation::write;
    const std::size_t length = std::min<std::size_t>(request.length, largest);
    std::memset(slot->data, written, length);
    iocb& control = slot->control;
    control = {};
    control.aio_fildes = static_cast<std::uint32_t>(request.fd);
    control.aio_lio_opcode = reads ? IOCB_CMD_PREAD : moves ? IOCB_CMD_PWRITE : IOCB_CMD_FSYNC;
    control.aio_data = static_cast<std::uint64_t>(slot - slots_.begin());
    if (moves) {
        control.aio_buf = reinterpret_cast<std::uintptr_t>(slot->data);
        control.aio_nbytes = length;
        control.aio_offset = static_cast<std::int64_t>(request.at);
        control.aio_rw_flags =
            static_cast<__kernel_rwf_t>((request.flags & (RWF_DSYNC | RWF_SYNC)) | RWF_NOWAIT);
    }
    iocb* list = &control;
    slot->used = syscall(SYS_io_submit, context_, 1, &list) == 1;
    if (!slot->used)
        shared_.count(Kind::io, errno);
}

void BlockIo::end(Slot& slot, std::int64_t result) {
    slot.used = false;
    shared_.count(Kind::io, result < 0 ? static_cast<int>(-result) : 0);
    if (slot.control.aio_lio_opcode == IOCB_CMD_PREAD && result > 0 &&
        shows_address({slot.data, static_cast<std::size_t>(result)}, {}))
        shared_.complain("an address of the kernel came back from a read of the block device");
}

std::size_t BlockIo::under_way() {
    io_event events[2 * most_under_way];
    timespec now{};
    const long n = syscall(SYS_io_getevents, context_, 0, std::size(events), events, &now);
    for (long i = 0; i < n; i++)
        end(slots_[events[i].data], events[i].res);
    return static_cast<std::size_t>(
        std::count_if(slots_.begin(), slots_.end(), [](const Slot& one) { return one.used; }));
}

int do_io(const IoRequest& request, CallBuffers& buffers) {
    const iovec part{buffers.payload.data(),
                     std::min<std::size_t>(request.length, buffers.payload.size())};
    std::uint64_t range[2] = {request.at, request.length};
    const auto at = static_cast<off_t>(request.at), length = static_cast<off_t>(request.length);
    const int flags = static_cast<int>(request.flags & (RWF_DSYNC | RWF_SYNC | RWF_NOWAIT));
    long result = -1;
    switch (request.operation) {
    case IoOperation::read:
        result = preadv2(request.fd, &part, 1, at, flags);
        break;
    case IoOperation::write:
        result = pwritev2(request.fd, &part, 1, at, flags);
        break;
    case IoOperation::flush:
        result = fdatasync(request.fd);
        break;
    case IoOperation::discard:
        result = ioctl(request.fd, BLKDISCARD, range);
        break;
    case IoOperation::zeroes:
        result = ioctl(request.fd, BLKZEROOUT, range);
        break;
    case IoOperation::punch:
        result = fallocate(request.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, length);
        break;
    }
    return result < 0 ? errno : 0;
}

} // namespace userblk::fuzz
