// SPDX-License-Identifier: MIT
#pragma once

#include "system.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace thin {

/// The file or block device that holds the data of a volume. All functions throw
/// std::system_error unless they say otherwise.
class Store {
public:
    /// @throws also std::invalid_argument if it is neither a file nor a block device
    Store(const std::string& path, bool read_only);

    int fd() const noexcept { return fd_.get(); }
    bool is_block_device() const noexcept { return block_device_; }
    /// Size of the block device or, currently, of the file, in bytes.
    std::uint64_t size() const;
    /// Bytes that the file occupies on its file system.
    std::uint64_t allocated() const;

    /// Makes the range read as zeros and reserves space for it. Extends a file as
    /// needed. ENOSPC if there is no space.
    void zero(std::uint64_t offset, std::uint64_t length);
    /// Frees the space of the range, where supported.
    void give_back(std::uint64_t offset, std::uint64_t length) noexcept;
    /// Extends a shorter file to @p size.
    void reach(std::uint64_t size);
    void sync() { sync_data(fd()); }

    /// Whether another process has marked the store as open, by mark_open().
    bool is_open_elsewhere() const;
    void mark_open();
    /// Marks, for the life of the object, that this process serves the store as the
    /// device with this diskseq. False if another device has it already.
    bool claim(std::uint64_t diskseq);

private:
    bool allocate(int mode, std::uint64_t offset, std::uint64_t length);
    void write_zeros(std::uint64_t offset, std::uint64_t length);
    void lock(std::uint64_t offset);
    bool is_locked(std::uint64_t offset, std::uint64_t length) const;

    FileDescriptor fd_;
    bool block_device_ = false;
};

} // namespace thin
