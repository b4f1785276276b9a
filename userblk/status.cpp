// SPDX-License-Identifier: MIT
#include "userblk/status.hpp"

#include <cerrno>

namespace userblk {

std::int32_t status_of(std::error_code error) noexcept {
    constexpr int largest_errno = 4095;
    if (!error)
        return 0;
    const auto condition = error.default_error_condition();
    const bool is_errno = condition.category() == std::generic_category();
    const int value = is_errno ? condition.value() : EIO;
    return value > 0 && value <= largest_errno ? -value : -EIO;
}

} // namespace userblk
