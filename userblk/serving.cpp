// SPDX-License-Identifier: MIT
#include "userblk/serving.hpp"

#include <cerrno>
#include <cstdint>
#include <unistd.h>

namespace userblk {

void Serving::stop() noexcept {
    const int saved = errno; // also called in signal handlers
    if (stopping.exchange(true))
        return;
    for (auto& breaker : breakers)
        breaker.start();
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_event.get(), &one, sizeof(one));
    errno = saved;
}

void Serving::tell_left_out() noexcept {
    if (const auto count = errors.take_left_out(); count > 0)
        log(LogLevel::error, std::to_string(count) + " more errors of the backend were not logged");
}

void Serving::end_breaking() noexcept {
    for (auto& breaker : breakers)
        breaker.end();
}

} // namespace userblk
