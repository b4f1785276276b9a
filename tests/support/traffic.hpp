// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "test_device.hpp"

namespace userblk::test {

// Where on a device, and which pattern() is written there.
struct Place {
    std::uint64_t offset;
    std::uint64_t seed;
};

// Places 64 KiB apart, each with a pattern of its own.
std::vector<Place> places(std::uint64_t count, std::uint64_t seed);

// Writes so many bytes to each place, all at once, then reads them, all at once: failures of the
// test where an error comes back, or other data.
void write_and_compare(TestDevice& device, const std::vector<Place>& places, std::size_t length);

} // namespace userblk::test
