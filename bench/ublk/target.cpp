// SPDX-License-Identifier: MIT
#include "bench/ublk/target.hpp"

namespace userblk::bench::ublk {

Target Target::memory(std::uint64_t size) {
    return Target(Mapping::memory(size, "the store"));
}

} // namespace userblk::bench::ublk
