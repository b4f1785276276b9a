// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace thin {

using userblk::abi::FileDescriptor;

/// @throws std::system_error "unable to WHAT: TEXT OF ERRNO"; all of these do
[[noreturn]] void fail(const std::string& what);
FileDescriptor open_file(const std::string& path, int flags, unsigned mode = 0);
void write_all(int fd, std::span<const std::byte> data, std::uint64_t offset);
void sync_data(int fd);
/// Makes files created or renamed in the folder of @p path durable.
void sync_folder(const std::string& path);
/// Takes a lock of the open file description; see fcntl(2), F_OFD_SETLKW. It ends with
/// the last descriptor, and so with the process.
void lock_file(int fd);
void unlock_file(int fd);
std::uint64_t random_number();

} // namespace thin
