// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace userblk {

/// The most requests for a thread to take at once where nobody said: few where it
/// may run on several processors, so that whoever submits has some to go on with while
/// the next are carried out and neither sleeps; many where they take turns on one anyway,
/// and each call less saves time.
unsigned default_batch() noexcept;

/// How many requests a thread takes at once: as many as it is likely to carry
/// out within a short time, so that a slow store's requests are left to other
/// threads and answers do not wait for each other.
///
/// For one thread.
class BatchSize {
public:
    /// What one batch should not take longer than.
    static constexpr std::chrono::nanoseconds target = std::chrono::milliseconds(1);

    /// Never more than @p most, which is at least 1.
    explicit BatchSize(unsigned most) noexcept;

    unsigned get() const noexcept { return size_; }
    /// Whether it is worth to time a batch of @p requests: that of a store which
    /// has been fast is timed now and then.
    bool wants_time(unsigned requests) noexcept;
    /// Tells that @p requests took @p time together.
    void done(unsigned requests, std::chrono::nanoseconds time) noexcept;

private:
    static constexpr unsigned most_untimed = 16;

    unsigned most_;
    unsigned size_;
    double average_ns_ = 0; ///< of one request
    unsigned untimed_ = 0;  ///< batches since the last one that was timed
};

// For each batch, however small.
inline bool BatchSize::wants_time(unsigned requests) noexcept {
    const bool is_slow = average_ns_ * requests > static_cast<double>(target.count()) / 64;
    if (is_slow || ++untimed_ == most_untimed) {
        untimed_ = 0;
        return true;
    }
    return average_ns_ == 0;
}

} // namespace userblk
