// SPDX-License-Identifier: MIT
#include "io_ring.hpp"

#include <atomic>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace userblk::test {

IoRing::IoRing() {
    io_uring_params parameters{};
    fd_ = Fd(static_cast<int>(syscall(SYS_io_uring_setup, 1, &parameters)));
    if (fd_.get() < 0 || !(parameters.features & IORING_FEAT_SINGLE_MMAP))
        throw_errno("unable to make a ring");
    size_ = parameters.cq_off.cqes + parameters.cq_entries * sizeof(io_uring_cqe);
    rings_ = static_cast<std::uint8_t*>(map(size_, IORING_OFF_SQ_RING));
    entry_ = static_cast<io_uring_sqe*>(map(sizeof(io_uring_sqe), IORING_OFF_SQES));
    offsets_ = parameters;
    at(parameters.sq_off.array) = 0;
}

IoRing::~IoRing() {
    munmap(rings_, size_);
    munmap(entry_, sizeof(io_uring_sqe));
}

void IoRing::submit(std::uint8_t operation, int fd, const void* memory, std::size_t length,
                    std::uint64_t offset) {
    *entry_ = {};
    entry_->opcode = operation;
    entry_->fd = fd;
    entry_->addr = reinterpret_cast<std::uintptr_t>(memory);
    entry_->len = static_cast<std::uint32_t>(length);
    entry_->off = offset;
    std::atomic_ref(at(offsets_.sq_off.tail)).fetch_add(1);
    if (syscall(SYS_io_uring_enter, fd_.get(), 1, 0, 0, nullptr, 0) != 1)
        throw_errno("unable to begin an operation by io_uring");
}

int IoRing::wait() {
    if (syscall(SYS_io_uring_enter, fd_.get(), 0, 1, IORING_ENTER_GETEVENTS, nullptr, 0) < 0)
        throw_errno("unable to wait for an operation by io_uring");
    const std::uint32_t head = std::atomic_ref(at(offsets_.cq_off.head)).fetch_add(1);
    const auto* const results = reinterpret_cast<io_uring_cqe*>(rings_ + offsets_.cq_off.cqes);
    return results[head & at(offsets_.cq_off.ring_mask)].res;
}

void* IoRing::map(std::size_t size, std::uint64_t offset) const {
    void* const result = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                              fd_.get(), static_cast<off_t>(offset));
    if (result == MAP_FAILED)
        throw_errno("unable to map a ring");
    return result;
}

std::uint32_t& IoRing::at(std::uint32_t offset) const {
    return *reinterpret_cast<std::uint32_t*>(rings_ + offset);
}

} // namespace userblk::test
