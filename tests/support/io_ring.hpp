// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <linux/io_uring.h>

#include "fd.hpp"

namespace userblk::test {

// io_uring, one operation at a time.
class IoRing {
public:
    IoRing();
    IoRing(const IoRing&) = delete;
    IoRing& operator=(const IoRing&) = delete;
    ~IoRing();

    // Starts an operation (IORING_OP_*), which may have completed when this returns.
    void submit(std::uint8_t operation, int fd, const void* memory, std::size_t length,
                std::uint64_t offset);
    // Waits for it: bytes transferred, or a negative errno.
    int wait();
    int run(std::uint8_t operation, int fd, const void* memory, std::size_t length,
            std::uint64_t offset) {
        submit(operation, fd, memory, length, offset);
        return wait();
    }

private:
    void* map(std::size_t size, std::uint64_t offset) const;
    std::uint32_t& at(std::uint32_t offset) const;

    Fd fd_;
    io_uring_params offsets_{};
    std::size_t size_ = 0;
    std::uint8_t* rings_ = nullptr;
    io_uring_sqe* entry_ = nullptr;
};

} // namespace userblk::test
