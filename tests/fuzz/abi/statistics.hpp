// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "tests/fuzz/abi/shared.hpp"

namespace userblk::fuzz {

// How often each call gave what, a line per call.
std::string histogram(const Shared& shared);

// What should have happened at least once and did not, or should never and did; "" if all is well.
// The unprivileged may not do anything on the control device.
std::string what_is_missing(const Shared& shared, bool privileged);

} // namespace userblk::fuzz
