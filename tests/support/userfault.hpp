// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "fd.hpp"

namespace userblk::test {

// Memory that nobody fills in before fill_in(): whoever touches it waits, the kernel included,
// until then or until it is killed. Make it in the process that is to hang.
class UnansweredMemory {
public:
    explicit UnansweredMemory(std::size_t size);
    UnansweredMemory(const UnansweredMemory&) = delete;
    UnansweredMemory& operator=(const UnansweredMemory&) = delete;
    ~UnansweredMemory();

    void* data() { return data_; }
    // Waits until somebody touched it; false if nobody does. Another thread's part.
    bool touched();
    // All of it, with a copy of as many bytes. Who waits goes on.
    void fill_in(const void* content);

private:
    void* data_;
    std::size_t size_;
    Fd fd_;
};

// A page that can be read at once, while whoever writes to it waits until it is refused.
class GuardedPage {
public:
    // Fills it with zeros. The page before it is ordinary memory.
    GuardedPage();
    GuardedPage(const GuardedPage&) = delete;
    GuardedPage& operator=(const GuardedPage&) = delete;
    ~GuardedPage();

    std::uint8_t* data() { return data_ + size; }
    // From now on.
    void guard();
    // Waits until somebody wants to write; false if nobody does. Another thread's part.
    bool touched();
    // Who waits, or writes later, finds that it cannot be written.
    void refuse();

    static constexpr std::size_t size = 4096;

private:
    std::uint8_t* data_;
    Fd fd_;
};

} // namespace userblk::test
