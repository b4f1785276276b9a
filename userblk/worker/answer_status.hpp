// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <system_error>

namespace userblk {

/// Internal: a backend's error as the status of an answer: 0, or a negative errno that
/// the kernel accepts; EIO for a value that is no errno. Reads a negative errno as its
/// absolute value.
std::int32_t answer_status(std::error_code error) noexcept;

/// Internal: a backend's error for the log: its message and, if it is no plain errno,
/// its category and value, and the errno answered.
std::string describe_error(std::error_code error);

} // namespace userblk
