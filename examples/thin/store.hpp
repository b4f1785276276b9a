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
    /// Bytes of a block device, or of a file as long as it is now.
    std::uint64_t size() const;
    /// Bytes that a file takes on its file system.
    std::uint64_t allocated() const;

    /// The range reads as zeros then, and space is reserved for it. Makes a file
    /// longer where it must. ENOSPC if there is none.
    void zero(std::uint64_t offset, std::uint64_t length);
    /// Gives space back where that can be done.
    void give_back(std::uint64_t offset, std::uint64_t length) noexcept;
    /// A file that is shorter is made that long.
    void reach(std::uint64_t size);
    void sync() { sync_data(fd()); }

    /// Whether some process has marked the store as open; as which, says mark_open().
    bool is_open_elsewhere() const;
    void mark_open();
    /// Says, while the object lives, that this process serves the store as the
    /// device with this number. False if another device has it already.
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
