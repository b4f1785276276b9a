// SPDX-License-Identifier: MIT
#include "userblk/task.hpp"

#include "tests/support/allocations.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace userblk {
namespace {

using test::allocations_of_thread;

const auto broken = std::make_error_code(std::errc::broken_pipe);

// Resumed by the test.
struct Gate {
    std::coroutine_handle<> waiting;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) noexcept { waiting = handle; }
    void await_resume() const noexcept {}
    void open() const { waiting.resume(); }
};

Task<> at_once(Slot&, std::error_code result) {
    co_return result;
}

Task<int> after_gate(Slot&, Gate& gate, int value) {
    co_await gate;
    if (value < 0)
        throw std::runtime_error("less than nothing");
    co_return value;
}

Task<> sum_is_right(Slot& slot, Gate& gate, std::vector<std::string>& steps) {
    steps.push_back("begins");
    const int sum = co_await after_gate(slot, gate, 40) + co_await after_gate(slot, gate, 2);
    steps.push_back("has " + std::to_string(sum));
    co_return co_await at_once(slot, sum == 42 ? std::error_code() : broken);
}

// A task does nothing until it is awaited or started, and then runs until it waits.
TEST(Task, StartsWhenItIsStarted) {
    Slot slot;
    Gate gate;
    std::vector<std::string> steps;
    { const auto unused = sum_is_right(slot, gate, steps); }
    EXPECT_TRUE(steps.empty());
    auto task = sum_is_right(slot, gate, steps);
    EXPECT_TRUE(steps.empty());
    bool ended = false;
    EXPECT_FALSE(task.start([](void* flag) noexcept { *static_cast<bool*>(flag) = true; }, &ended));
    EXPECT_EQ(steps.size(), 1U);
    gate.open();
    EXPECT_FALSE(ended);
    gate.open();
    EXPECT_TRUE(ended && task.ended());
    EXPECT_EQ(steps.back(), "has 42");
    EXPECT_FALSE(task.result());
}

// A task that ends without waiting says so, and its hook is not called.
TEST(Task, EndsAtOnceIfItNeedsNotWait) {
    Slot slot;
    auto task = at_once(slot, broken);
    EXPECT_TRUE(task.start([](void*) noexcept { FAIL() << "called"; }, nullptr));
    EXPECT_EQ(task.result(), broken);
}

// An exception passes through the tasks that await each other, as through functions.
TEST(Task, PassesExceptionsOn) {
    Slot slot;
    Gate gate;
    const auto outer = [](Slot& inner_slot, Gate& inner_gate) -> Task<std::string> {
        try {
            co_await after_gate(inner_slot, inner_gate, -1);
        } catch (const std::runtime_error& error) {
            co_return error.what();
        }
        co_return "nothing";
    };
    auto caught = outer(slot, gate);
    caught.start([](void*) noexcept {}, nullptr);
    gate.open();
    EXPECT_EQ(caught.result(), "less than nothing");
    auto thrown = after_gate(slot, gate, -1);
    thrown.start([](void*) noexcept {}, nullptr);
    gate.open();
    EXPECT_THROW(thrown.result(), std::runtime_error);
}

// A task that is destroyed while it waits frees what it and those that it awaits have.
TEST(Task, IsDestroyedWithWhatItAwaits) {
    Slot slot;
    Gate gate;
    const auto held = std::make_shared<int>(1);
    const auto hold = [](Slot&, Gate& at, std::shared_ptr<int> value) -> Task<void> {
        const auto copy = value;
        co_await at;
    };
    {
        auto task = hold(slot, gate, held);
        task.start([](void*) noexcept {}, nullptr);
        EXPECT_GT(held.use_count(), 1);
    }
    EXPECT_EQ(held.use_count(), 1);
}

// A loop over many tasks that end at once needs no deeper stack than one over functions.
TEST(Task, LoopsOverManyThatEndAtOnce) {
    Slot slot;
    const auto loop = [](Slot& inner) -> Task<> {
        for (int i = 0; i < 1'000'000; ++i) {
            const auto error = co_await at_once(inner, {});
            if (error)
                co_return error;
        }
        co_return std::error_code();
    };
    auto task = loop(slot);
    EXPECT_TRUE(task.start(nullptr, nullptr));
    EXPECT_FALSE(task.result());
}

// Frames lie in the slot: once it is large enough, an operation of three tasks that waits twice
// allocates nothing.
TEST(Task, AllocatesNothingOnceItsSlotIsWarm) {
    Slot slot;
    Gate gate;
    std::vector<std::string> steps;
    steps.reserve(300);
    std::uint64_t before = 0;
    for (int i = 0; i < 100; ++i) {
        if (i == 1)
            before = allocations_of_thread();
        auto task = sum_is_right(slot, gate, steps); // its steps are short strings
        task.start([](void*) noexcept {}, nullptr);
        gate.open();
        gate.open();
        EXPECT_FALSE(task.result());
    }
    EXPECT_EQ(allocations_of_thread() - before, 0U);
    EXPECT_GT(slot.capacity(), 0U);
}

} // namespace
} // namespace userblk
