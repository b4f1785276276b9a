// SPDX-License-Identifier: MIT
#include "userblk/backends/null_backend.hpp"

#include <cstring>

namespace userblk {

Description NullBackend::describe() const {
    Description description;
    description.size = size_;
    description.discard = true;
    description.write_zeroes = true;
    return description;
}

std::error_code NullBackend::read(std::uint64_t, std::span<std::byte> data) {
    std::memset(data.data(), 0, data.size());
    return {};
}

std::error_code NullBackend::write(std::uint64_t, std::span<const std::byte>, WriteFlags) {
    return {};
}

std::error_code NullBackend::discard(std::uint64_t, std::uint64_t) {
    return {};
}

std::error_code NullBackend::write_zeroes(std::uint64_t, std::uint64_t, ZeroFlags) {
    return {};
}

} // namespace userblk
