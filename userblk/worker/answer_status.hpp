// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <system_error>

namespace userblk {

/// Internal: a backend's error as the status of an answer: 0, or a negative
/// errno that the kernel accepts; EIO for what is none. A negative errno is taken for
/// what it means.
std::int32_t answer_status(std::error_code error) noexcept;

/// Internal: a backend's error for the log: its message, and where it is no plain errno
/// also its category and value, and what it is answered as.
std::string describe_error(std::error_code error);

} // namespace userblk
