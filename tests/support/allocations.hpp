// SPDX-License-Identifier: MIT
//
// Counts allocations. A program that links allocations.cpp has its operators new and delete.
#pragma once

#include <cstdint>

namespace userblk::test {

// By operator new, of the calling thread and of all threads so far.
std::uint64_t allocations_of_thread();
std::uint64_t allocations();

} // namespace userblk::test
