// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace userblk::abi {

/// An errno value as an error code; 0 is "no error".
inline std::error_code errno_code(int value) noexcept {
    return {value, std::generic_category()};
}

/// The calling thread's errno as an error code.
inline std::error_code last_error() noexcept {
    return errno_code(errno);
}

/// All errors of this layer: throws "unable to OPERATION: ERROR TEXT".
/// @p operation names the action and its object: "open /dev/userblkc0".
[[noreturn]] void throw_error(const std::string& operation, std::error_code error);

/// The same with the calling thread's errno.
[[noreturn]] void throw_errno(const std::string& operation);

/// /dev/userblk-control does not exist: the kernel module is not loaded.
/// The text names the command that loads it.
class ModuleNotLoaded : public std::system_error {
public:
    explicit ModuleNotLoaded(std::error_code error);
};

} // namespace userblk::abi
