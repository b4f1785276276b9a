// SPDX-License-Identifier: MIT
#include "userblk/slot.hpp"

#include "tests/support/allocations.hpp"

#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <vector>

namespace userblk {
namespace {

using test::allocations_of_thread;

// What one operation needs: an outer frame and two inner ones, one after the other.
void use(Slot& slot) {
    void* const outer = slot.allocate(300);
    for (int i = 0; i < 2; ++i) {
        void* const inner = slot.allocate(100);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(inner) % 16, 0U);
        std::memset(inner, 1, 100);
        Slot::free(inner);
    }
    std::memset(outer, 2, 300);
    Slot::free(outer);
}

// The first operation allocates; the slot keeps as much as it needed, and the next ones do not.
TEST(Slot, AllocatesForTheFirstOperationOnly) {
    Slot slot;
    EXPECT_EQ(slot.capacity(), 0U);
    use(slot);
    EXPECT_GE(slot.capacity(), 400U);
    const auto before = allocations_of_thread();
    for (int i = 0; i < 100; ++i)
        use(slot);
    EXPECT_EQ(allocations_of_thread(), before);
}

// A larger operation allocates once more, and what is freed in another order than the reverse does
// no harm.
TEST(Slot, GrowsWithTheLargestOperation) {
    Slot slot;
    use(slot);
    const auto twist = [&slot] {
        std::vector<void*> parts;
        for (std::size_t i = 0; i < 8; ++i) {
            parts.push_back(slot.allocate(200));
            std::memset(parts.back(), static_cast<int>(i), 200);
        }
        for (const std::size_t i : {3, 1, 7, 5, 0, 2, 4, 6}) {
            EXPECT_EQ(static_cast<unsigned char*>(parts[i])[199], i);
            Slot::free(parts[i]);
        }
    };
    twist();
    EXPECT_GE(slot.capacity(), 8 * 200U);
    const auto capacity = slot.capacity();
    const auto before = allocations_of_thread();
    twist();
    EXPECT_LE(allocations_of_thread() - before, 8U) << "more than the vector's";
    EXPECT_EQ(slot.capacity(), capacity);
}

// An operation of absurd size gets its memory, and the slot does not keep it.
TEST(Slot, KeepsNoMoreThanReasonable) {
    Slot slot;
    void* const huge = slot.allocate(1 << 20);
    std::memset(huge, 3, 1 << 20);
    use(slot);
    Slot::free(huge);
    EXPECT_LE(slot.capacity(), 64U << 10);
    use(slot);
}

} // namespace
} // namespace userblk
