// SPDX-License-Identifier: MIT
#include "traffic.hpp"

#include <gtest/gtest.h>

#include "buffer.hpp"

namespace userblk::test {

std::vector<Place> places(std::uint64_t count, std::uint64_t seed) {
    std::vector<Place> result;
    for (std::uint64_t i = 0; i < count; i++)
        result.push_back({i << 16, i + seed});
    return result;
}

void write_and_compare(TestDevice& device, const std::vector<Place>& places, std::size_t length) {
    std::vector<Io> writes, reads;
    for (const Place& place : places)
        writes.push_back(device.write(place.offset, pattern(length, place.seed)));
    for (const Io& io : writes)
        EXPECT_EQ(io->result(), 0);
    for (const Place& place : places)
        reads.push_back(device.read(place.offset, length));
    for (std::size_t i = 0; i < reads.size(); i++) {
        EXPECT_EQ(reads[i]->result(), 0);
        EXPECT_EQ(reads[i]->data(), pattern(length, places[i].seed)) << "at " << places[i].offset;
    }
}

} // namespace userblk::test
