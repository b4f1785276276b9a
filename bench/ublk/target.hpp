// SPDX-License-Identifier: MIT
#pragma once

#include "bench/ublk/system.hpp"

#include <cstddef>
#include <cstdint>

namespace userblk::bench::ublk {

/// What is behind the device: memory, or nothing at all. Any number of threads may use
/// it; the block layer sees to it that nobody reads what is just being written, or does
/// not care.
class Target {
public:
    /// Forgets what is written; what is read has no meaning.
    static Target null() { return Target(Mapping()); }

    /// @throws std::system_error
    static Target memory(std::uint64_t size);

    bool stores() const noexcept { return static_cast<bool>(store_); }

    /// Where the data of @p offset is. The driver asks for nothing beyond the size.
    std::byte* at(std::uint64_t offset) const noexcept { return store_.data() + offset; }

private:
    explicit Target(Mapping store) : store_(std::move(store)) {}

    Mapping store_;
};

} // namespace userblk::bench::ublk
