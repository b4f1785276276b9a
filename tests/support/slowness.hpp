// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdlib>

namespace userblk::test {

// How many times slower than usual the machine may be ($USERBLK_TEST_SLOWNESS, set for kernels with
// debugging checks): scales every timeout, never a load.
inline int slowness() {
    const char* text = std::getenv("USERBLK_TEST_SLOWNESS");
    return text ? std::clamp(std::atoi(text), 1, 100) : 1;
}

} // namespace userblk::test
