// SPDX-License-Identifier: MIT
#pragma once

#include "bench/ublk/system.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace userblk::bench::ublk {

/// What is behind the device: memory, a file, a disk, or nothing at all. Any number of threads may
/// use it; the block layer ensures that nobody reads data that are being written, or does not care.
class Target {
public:
    /// Discards what is written; reads return nothing meaningful.
    static Target null() { return Target(Mapping()); }

    /// @throws std::system_error
    static Target memory(std::uint64_t size);

    /// A file of at least @p size bytes, which keeps the data when this process exits.
    /// @throws std::system_error
    static Target file(const std::string& path, std::uint64_t size);

    /// Another disk, or a file on one, past the page cache, of at least @p size bytes.
    /// @throws std::system_error
    static Target disk(const std::string& path, std::uint64_t size);

    /// Whether at() may be used.
    bool stores() const noexcept { return static_cast<bool>(store_); }

    /// Whether the data are to be read from and written to fd().
    bool is_disk() const noexcept { return disk_.get() >= 0; }
    int fd() const noexcept { return disk_.get(); }

    /// The address of the data at @p offset. The driver requests nothing beyond the size.
    std::byte* at(std::uint64_t offset) const noexcept { return store_.data() + offset; }

private:
    explicit Target(Mapping store) : store_(std::move(store)) {}
    explicit Target(FileDescriptor disk) : disk_(std::move(disk)) {}

    Mapping store_;
    FileDescriptor disk_;
};

} // namespace userblk::bench::ublk
