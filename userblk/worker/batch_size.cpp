// SPDX-License-Identifier: MIT
#include "userblk/worker/batch_size.hpp"

#include <algorithm>
#include <sched.h>

namespace userblk {

namespace {

// docs/performance.md compares other values.
constexpr unsigned batch_beside_others = 8;
constexpr unsigned batch_alone = 32;

bool has_one_processor() noexcept {
    cpu_set_t set;
    // Fails if there are more processors than the set holds.
    return ::sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) == 1;
}

} // namespace

unsigned default_batch() noexcept {
    return has_one_processor() ? batch_alone : batch_beside_others;
}

BatchSize::BatchSize(unsigned most) noexcept
    : most_(std::max(most, 1U)), size_(std::max(most, 1U)) {}

void BatchSize::done(unsigned requests, std::chrono::nanoseconds time) noexcept {
    if (requests == 0)
        return;
    const double each = static_cast<double>(std::max<std::int64_t>(time.count(), 1)) / requests;
    average_ns_ = average_ns_ == 0 ? each : average_ns_ + (each - average_ns_) / 8;
    const double fit = static_cast<double>(target.count()) / average_ns_;
    size_ = static_cast<unsigned>(std::clamp(fit, 1.0, static_cast<double>(most_)));
}

} // namespace userblk
