// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <thread>
#include <vector>

#include <linux/aio_abi.h>

#include "buffer.hpp"

namespace userblk::test {

class Aio;

// An operation that may be under way. Held by TestDevice too, which waits for its end when it goes.
class PendingIo {
public:
    bool finished();
    // Its end waited for: 0 or an errno; a failure of the test if it does not end.
    int result();
    Buffer& data() { return data_; }

private:
    friend class Aio;
    friend std::shared_ptr<PendingIo> start_thread(std::function<int()> operation);

    bool done_ = false;
    int error_ = 0;
    std::size_t expected_ = 0;
    Buffer data_;
    iocb control_{};
    std::function<bool()> poll_; // sets done_ when it is over
};

using Io = std::shared_ptr<PendingIo>;

// Linux' own asynchronous I/O: what is submitted here is queued in that order when submit returns,
// with no thread of ours waiting for it.
class Aio {
public:
    explicit Aio(unsigned int entries);
    Aio(const Aio&) = delete;
    Aio& operator=(const Aio&) = delete;
    ~Aio(); // waits for what is under way

    // command: IOCB_CMD_*; all are submitted by one system call.
    static Io prepare(int fd, int command, std::uint64_t offset, Buffer data, int rw_flags = 0);
    void submit(std::span<const Io> ios);

private:
    void collect();

    aio_context_t context_ = 0;
    std::mutex mutex_;
    std::set<Io> under_way_;
};

// Runs a blocking operation, which returns 0 or an errno, in a thread.
Io start_thread(std::function<int()> operation);

} // namespace userblk::test
