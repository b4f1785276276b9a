// SPDX-License-Identifier: MIT
#include "tests/support/allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

thread_local std::uint64_t of_thread = 0;
std::atomic<std::uint64_t> of_all = 0;

void* allocate(std::size_t size) noexcept {
    ++of_thread;
    of_all.fetch_add(1, std::memory_order_relaxed);
    return std::malloc(size == 0 ? 1 : size);
}

} // namespace

void* operator new(std::size_t size) {
    if (void* const memory = allocate(size))
        return memory;
    throw std::bad_alloc();
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return allocate(size);
}

void operator delete(void* memory) noexcept {
    std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace userblk::test {

std::uint64_t allocations_of_thread() {
    return of_thread;
}

std::uint64_t allocations() {
    return of_all.load(std::memory_order_relaxed);
}

} // namespace userblk::test
