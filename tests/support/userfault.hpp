// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "fd.hpp"

namespace userblk::test {

// Memory that stays missing until fill_in(): any access blocks until then or until the thread is
// killed, accesses by the kernel included. Create it in the process that is to block.
class UnansweredMemory {
public:
    explicit UnansweredMemory(std::size_t size);
    UnansweredMemory(const UnansweredMemory&) = delete;
    UnansweredMemory& operator=(const UnansweredMemory&) = delete;
    ~UnansweredMemory();

    void* data() { return data_; }
    // Waits until a thread accesses it; false if none does. Call it from another thread.
    bool touched();
    // Fills all of it with a copy of as many bytes. Blocked threads continue.
    void fill_in(const void* content);

private:
    void* data_;
    std::size_t size_;
    Fd fd_;
};

// A page that can be read at once; a write blocks until it is refused.
class GuardedPage {
public:
    // Fills it with zeros. The page before it is ordinary memory.
    GuardedPage();
    GuardedPage(const GuardedPage&) = delete;
    GuardedPage& operator=(const GuardedPage&) = delete;
    ~GuardedPage();

    std::uint8_t* data() { return data_ + size; }
    // Protects the page from now on.
    void guard();
    // Waits until a thread tries to write; false if none does. Call it from another thread.
    bool touched();
    // Makes the blocked write, and any later one, fault.
    void refuse();

    static constexpr std::size_t size = 4096;

private:
    std::uint8_t* data_;
    Fd fd_;
};

} // namespace userblk::test
