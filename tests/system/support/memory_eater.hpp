// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "tests/support/child.hpp"

namespace userblk::test {

// A process that uses more memory than there is: it fills that many bytes, and then visits pages at
// random, checks each against what it wrote there, and rewrites it.
class MemoryEater {
public:
    explicit MemoryEater(std::size_t size);

    bool running() const;
    // Pages visited so far, including the initial fill.
    std::uint64_t pages() const { return shared().pages; }
    bool filled() const { return shared().filled; }
    // Makes it check every page once more, and exit. The test fails unless all are right.
    void finish();

private:
    struct Shared {
        std::atomic<std::uint64_t> pages = 0, wrong = 0;
        std::atomic<bool> filled = false, stop = false;
    };

    static int eat(std::size_t size, Shared& shared);
    Shared& shared() const { return *reinterpret_cast<Shared*>(memory_.get()); }

    struct Unmap {
        void operator()(void* memory) const;
    };
    std::unique_ptr<void, Unmap> memory_;
    Child child_;
};

} // namespace userblk::test
