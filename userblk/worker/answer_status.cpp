// SPDX-License-Identifier: MIT
#include "userblk/worker/answer_status.hpp"

#include <cerrno>

namespace userblk {

namespace {

constexpr int largest_errno = 4095;

bool has_errno_values(const std::error_category& category) noexcept {
    return category == std::generic_category() || category == std::system_category();
}

// The kernel and many libraries return negative errnos; no other reading makes sense.
bool is_negative_errno(std::error_code error) noexcept {
    return has_errno_values(error.category()) && error.value() < 0 &&
           error.value() >= -largest_errno;
}

} // namespace

std::int32_t answer_status(std::error_code error) noexcept {
    if (!error)
        return 0;
    if (is_negative_errno(error))
        return error.value();
    const auto condition = error.default_error_condition();
    const bool is_errno = condition.category() == std::generic_category();
    const int value = is_errno ? condition.value() : EIO;
    return value > 0 && value <= largest_errno ? -value : -EIO;
}

std::string describe_error(std::error_code error) {
    const int answered = -answer_status(error);
    if (has_errno_values(error.category()) && error.value() == answered)
        return error.message();
    const auto answer = std::generic_category().message(answered);
    auto text = is_negative_errno(error) ? answer : error.message();
    text += " (" + std::string(error.category().name()) + ":" + std::to_string(error.value());
    if (is_negative_errno(error))
        return text + ", a negative errno)";
    return text + ", answered as " + answer + ")";
}

} // namespace userblk
