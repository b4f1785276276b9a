// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "tests/fuzz/abi/shared.hpp"

namespace userblk::fuzz {

// How often each call had which result, a line per call.
std::string histogram(const Shared& shared);

// What should have happened at least once and did not, or must never happen and did; empty if
// neither. Unprivileged processes must not succeed at anything on the control device.
std::string what_is_missing(const Shared& shared, bool privileged);

} // namespace userblk::fuzz
