// SPDX-License-Identifier: MIT
#include "userblk/worker/error_log.hpp"

#include <utility>

namespace userblk {

std::optional<std::uint64_t> ErrorLog::admit(Clock::time_point now) noexcept {
    const std::lock_guard guard(mutex_);
    if (written_ == 0 || now - begin_ >= period) {
        begin_ = now;
        written_ = 0;
    }
    if (written_ == burst) {
        ++left_out_;
        return std::nullopt;
    }
    ++written_;
    return std::exchange(left_out_, 0);
}

std::uint64_t ErrorLog::take_left_out() noexcept {
    const std::lock_guard guard(mutex_);
    return std::exchange(left_out_, 0);
}

} // namespace userblk
