// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backend_spec.hpp"

#include <cstdint>

namespace userblk::ctl {

/// The size of the file or block device of a file: store, in bytes. A file may end with part of a
/// block, which Description::size leaves out.
/// @throws std::invalid_argument or std::system_error if it cannot be opened or is not such a store
std::uint64_t bytes_of_store(const BackendSpec& store);

/// The size of a device for a store of @p bytes: whole blocks.
/// @throws std::invalid_argument if there is none
std::uint64_t size_in_blocks(const BackendSpec& store, std::uint64_t bytes,
                             std::uint32_t block_size);

/// Warns on standard error if a store of @p bytes does not end with a whole block: a device for it
/// ends before that.
void warn_of_partial_block(const BackendSpec& store, std::uint64_t bytes, std::uint32_t block_size);

} // namespace userblk::ctl
