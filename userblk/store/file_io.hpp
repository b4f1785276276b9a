// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>

namespace userblk {

// Internal: I/O of whole ranges on a descriptor. They go on after a signal and
// after a part was done.

/// EIO if the file ends before the range does.
std::error_code read_fully(int fd, std::span<std::byte> data, std::uint64_t offset) noexcept;

/// @p durable: the data is on stable storage before it returns success.
std::error_code write_fully(int fd, std::span<const std::byte> data, std::uint64_t offset,
                            bool durable = false) noexcept;

/// fallocate(2).
std::error_code allocate(int fd, int mode, std::uint64_t offset, std::uint64_t length) noexcept;

/// fdatasync(2).
std::error_code sync_data(int fd) noexcept;

/// What stands for the open file or disk, by whatever name it was found: that of a file of
/// memory is the same as /dev/shm/NAME and as mem:NAME.
std::string file_identity(int fd);

/// The answer of a call to something that cannot be done here at all, as against
/// one that failed.
bool is_unsupported(std::error_code error) noexcept;

} // namespace userblk
