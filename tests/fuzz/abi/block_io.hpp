// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <linux/aio_abi.h>

#include "tests/fuzz/abi/call_buffers.hpp"
#include "tests/fuzz/abi/schema.hpp"
#include "tests/fuzz/abi/shared.hpp"

namespace userblk::fuzz {

struct IoRequest {
    int fd;
    IoOperation operation;
    std::uint64_t at;
    std::uint64_t length;
    std::uint32_t flags; // RWF_*
};

// Asynchronous I/O to a block device: never blocks, not even for a free request.
class BlockIo {
public:
    explicit BlockIo(Shared& shared);
    BlockIo(const BlockIo&) = delete;
    BlockIo& operator=(const BlockIo&) = delete;
    ~BlockIo();

    void start(const IoRequest& request);
    // Collects what has completed; returns how many requests are in flight.
    std::size_t under_way();

private:
    struct Slot {
        iocb control{};
        bool used = false;
        std::uint8_t* data;
    };
    void end(Slot& slot, std::int64_t result);

    Shared& shared_;
    aio_context_t context_ = 0;
    GuardedMemory memory_;
    std::vector<Slot> slots_;
};

// The same, synchronously.
int do_io(const IoRequest& request, CallBuffers& buffers);

} // namespace userblk::fuzz
