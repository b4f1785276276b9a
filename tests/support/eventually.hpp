// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <thread>

#include "slowness.hpp"

namespace userblk::test {

// How long to wait for something that should happen soon: the machine may be emulated and busy.
// Tests wait up to this limit for what must happen and never measure time.
inline const std::chrono::milliseconds patience{30'000 * slowness()};

// Whether the predicate becomes true within the limit.
template <class Predicate>
bool eventually(Predicate&& predicate, std::chrono::milliseconds limit = patience) {
    const auto end = std::chrono::steady_clock::now() + limit;
    auto pause = std::chrono::microseconds(200);
    for (;;) {
        if (predicate())
            return true;
        if (std::chrono::steady_clock::now() > end)
            return false;
        std::this_thread::sleep_for(pause);
        pause = std::min(2 * pause, std::chrono::microseconds(20'000));
    }
}

} // namespace userblk::test
