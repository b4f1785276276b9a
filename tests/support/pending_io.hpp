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

// An operation that may be in progress. TestDevice also holds it and waits for its end when it is
// destroyed.
class PendingIo {
public:
    bool finished();
    // Waits for its end: 0 or an errno; fails the test if it does not end.
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
    std::function<bool()> poll_; // sets done_ once the operation has ended
};

using Io = std::shared_ptr<PendingIo>;

// Linux native AIO: requests are queued in submission order when submit returns, and no thread
// waits for them.
class Aio {
public:
    explicit Aio(unsigned int entries);
    Aio(const Aio&) = delete;
    Aio& operator=(const Aio&) = delete;
    ~Aio(); // waits for what is in progress

    // command: IOCB_CMD_*; one system call submits all of them.
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
