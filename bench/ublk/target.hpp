// SPDX-License-Identifier: MIT
#pragma once

#include "bench/ublk/system.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace userblk::bench::ublk {

/// What is behind the device: memory, a file, or nothing at all. Any number of threads may use
/// it; the block layer sees to it that nobody reads what is just being written, or does
/// not care.
class Target {
public:
    /// Forgets what is written; what is read has no meaning.
    static Target null() { return Target(Mapping()); }

    /// @throws std::system_error
    static Target memory(std::uint64_t size);

    /// A file of at least @p size bytes, which keeps what is written when this process ends.
    /// @throws std::system_error
    static Target file(const std::string& path, std::uint64_t size);

    bool stores() const noexcept { return static_cast<bool>(store_); }

    /// Where the data of @p offset is. The driver asks for nothing beyond the size.
    std::byte* at(std::uint64_t offset) const noexcept { return store_.data() + offset; }

private:
    explicit Target(Mapping store) : store_(std::move(store)) {}

    Mapping store_;
};

} // namespace userblk::bench::ublk
