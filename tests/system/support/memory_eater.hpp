// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "tests/support/child.hpp"

namespace userblk::test {

// A process that has more memory in use than there is: it fills so many bytes, and then goes over
// them at random, checks each page against what it has written there, and writes it anew.
class MemoryEater {
public:
    explicit MemoryEater(std::size_t size);

    bool running() const;
    // Pages gone over so far; those of the filling included.
    std::uint64_t pages() const { return shared().pages; }
    bool filled() const { return shared().filled; }
    // Has it look at every page once more, and end. A failure of the test unless all are right.
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
