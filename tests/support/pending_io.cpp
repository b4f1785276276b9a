// SPDX-License-Identifier: MIT
#include "pending_io.hpp"

#include <atomic>
#include <ctime>

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi.hpp"
#include "eventually.hpp"
#include "fd.hpp"

namespace userblk::test {

bool PendingIo::finished() {
    return poll_();
}

int PendingIo::result() {
    if (eventually([this] { return finished(); }))
        return error_;
    ADD_FAILURE() << "the I/O does not end";
    return ETIMEDOUT;
}

Aio::Aio(unsigned int entries) {
    if (syscall(SYS_io_setup, entries, &context_))
        throw_errno("unable to set up asynchronous I/O");
}

Aio::~Aio() {
    syscall(SYS_io_destroy, context_);
}

Io Aio::prepare(int fd, int command, std::uint64_t offset, Buffer data, int rw_flags) {
    auto io = std::make_shared<PendingIo>();
    io->data_ = std::move(data);
    io->expected_ = command == IOCB_CMD_PREAD || command == IOCB_CMD_PWRITE ? io->data_.size() : 0;
    io->control_.aio_data = address(io.get());
    io->control_.aio_lio_opcode = static_cast<std::uint16_t>(command);
    io->control_.aio_fildes = static_cast<std::uint32_t>(fd);
    io->control_.aio_buf = address(io->data_.data());
    io->control_.aio_nbytes = io->expected_;
    io->control_.aio_offset = static_cast<std::int64_t>(offset);
    io->control_.aio_rw_flags = rw_flags;
    return io;
}

void Aio::submit(std::span<const Io> ios) {
    std::vector<iocb*> controls;
    std::lock_guard lock(mutex_);
    for (const Io& io : ios) {
        io->poll_ = [this, raw = io.get()] {
            std::lock_guard guard(mutex_);
            collect();
            return raw->done_;
        };
        under_way_.insert(io);
        controls.push_back(&io->control_);
    }
    for (std::size_t done = 0; done < controls.size();) {
        const long n =
            syscall(SYS_io_submit, context_, controls.size() - done, controls.data() + done);
        if (n <= 0)
            throw_errno("unable to submit I/O");
        done += static_cast<std::size_t>(n);
    }
}

void Aio::collect() {
    io_event events[32];
    timespec none{};
    long n;
    while ((n = syscall(SYS_io_getevents, context_, 0L, 32L, events, &none)) > 0) {
        for (const io_event& event : std::span(events, static_cast<std::size_t>(n))) {
            auto* io = reinterpret_cast<PendingIo*>(event.data);
            io->done_ = true;
            if (event.res < 0)
                io->error_ = static_cast<int>(-event.res);
            else if (static_cast<std::size_t>(event.res) != io->expected_)
                io->error_ = ENODATA; // a short read or write
            std::erase_if(under_way_, [=](const Io& one) { return one.get() == io; });
        }
    }
}

Io start_thread(std::function<int()> operation) {
    struct Shared {
        std::atomic<bool> done = false;
        std::atomic<int> error = 0;
    };
    auto shared = std::make_shared<Shared>();
    auto io = std::make_shared<PendingIo>();
    // Detached: a thread blocked in the kernel cannot be made to exit; result() reports it.
    std::thread([shared, operation = std::move(operation)] {
        shared->error = operation();
        shared->done = true;
    }).detach();
    io->poll_ = [shared, raw = io.get()] {
        raw->done_ = shared->done;
        raw->error_ = shared->error;
        return raw->done_;
    };
    return io;
}

} // namespace userblk::test
