// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>

namespace userblk {

// Internal: I/O of whole ranges on a descriptor. These functions continue after
// signals and short transfers.

/// EIO if the file ends within the range.
std::error_code read_fully(int fd, std::span<std::byte> data, std::uint64_t offset) noexcept;

/// @p durable: the data is on stable storage on successful return.
std::error_code write_fully(int fd, std::span<const std::byte> data, std::uint64_t offset,
                            bool durable = false) noexcept;

/// fallocate(2).
std::error_code allocate(int fd, int mode, std::uint64_t offset, std::uint64_t length) noexcept;

/// fdatasync(2).
std::error_code sync_data(int fd) noexcept;

/// Identifies the open file or disk, independently of the name used to open it: a memory
/// segment has the same identity as /dev/shm/NAME and as mem:NAME.
std::string file_identity(int fd);

/// Whether the error means that the operation is not supported here, rather than
/// failed.
bool is_unsupported(std::error_code error) noexcept;

} // namespace userblk
