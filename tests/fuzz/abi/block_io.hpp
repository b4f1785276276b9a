// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <linux/aio_abi.h>

#include "tests/fuzz/abi/arena.hpp"
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
    struct Place {
        iocb control{};
        bool used = false;
        std::uint8_t* data;
    };
    void end(Place& place, std::int64_t result);

    Shared& shared_;
    aio_context_t context_ = 0;
    Block memory_;
    std::vector<Place> places_;
};

// The same, synchronously.
int do_io(const IoRequest& request, Arena& arena);

} // namespace userblk::fuzz
