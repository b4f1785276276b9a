// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "test_device.hpp"

namespace userblk::test {

// An offset on a device, and the seed of the pattern written there.
struct Place {
    std::uint64_t offset;
    std::uint64_t seed;
};

// Places 64 KiB apart, each with its own pattern.
std::vector<Place> places(std::uint64_t count, std::uint64_t seed);

// Writes that many bytes to each place, all at once, then reads them back, all at once; fails the
// test on an error or other data.
void write_and_compare(TestDevice& device, const std::vector<Place>& places, std::size_t length);

} // namespace userblk::test
