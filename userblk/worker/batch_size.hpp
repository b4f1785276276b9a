// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace userblk {

/// The default maximum of requests that a thread takes at once: few if it may run on
/// several processors, so that submitters continue with some requests while the worker
/// carries out the next and neither sleeps; many if both share one processor, where each
/// call saved counts.
unsigned default_batch() noexcept;

/// How many requests a thread takes at once: as many as it can likely carry out within
/// a short time, so that requests for a slow store remain for other threads and answers
/// do not wait for each other.
///
/// For one thread.
class BatchSize {
public:
    /// The target duration of a batch, at most.
    static constexpr std::chrono::nanoseconds target = std::chrono::milliseconds(1);

    /// @p most: the upper limit, at least 1.
    explicit BatchSize(unsigned most) noexcept;

    unsigned get() const noexcept { return size_; }
    /// Whether to time a batch of @p requests: for a store that has been fast, only now
    /// and then.
    bool wants_time(unsigned requests) noexcept;
    /// Records that @p requests took @p time together.
    void done(unsigned requests, std::chrono::nanoseconds time) noexcept;

private:
    static constexpr unsigned most_untimed = 16;

    unsigned most_;
    unsigned size_;
    double average_ns_ = 0; ///< per request
    unsigned untimed_ = 0;  ///< batches since the last timed one
};

// Runs for every batch; inline because batches may be small.
inline bool BatchSize::wants_time(unsigned requests) noexcept {
    const bool is_slow = average_ns_ * requests > static_cast<double>(target.count()) / 64;
    if (is_slow || ++untimed_ == most_untimed) {
        untimed_ = 0;
        return true;
    }
    return average_ns_ == 0;
}

} // namespace userblk
