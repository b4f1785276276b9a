// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <system_error>

namespace userblk {

/// Internal: a backend's error as the status of an answer: 0, or a negative
/// errno that the kernel accepts; EIO for what is none.
std::int32_t status_of(std::error_code error) noexcept;

} // namespace userblk
