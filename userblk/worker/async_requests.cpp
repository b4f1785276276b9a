// SPDX-License-Identifier: MIT
#include "userblk/worker/async_requests.hpp"

namespace userblk {

namespace {

/// Enough for the coroutines of most operations: without it, each slot would allocate when it is
/// first used, which may be when memory is short.
constexpr std::size_t usual_frames = 1000;

void warm(Slot& slot) {
    Slot::free(slot.allocate(usual_frames)); // it keeps as much
}

} // namespace

AsyncRequests::AsyncRequests(AsyncWorkerThread& thread, std::size_t count, std::size_t max_transfer)
    : count_(count), memory_(count * max_transfer),
      requests_(std::make_unique<AsyncRequest[]>(count)) {
    for (std::size_t i = count; i-- > 0;) {
        requests_[i].thread = &thread;
        requests_[i].buffer = memory_.bytes().subspan(i * max_transfer, max_transfer);
        warm(requests_[i].slot);
        free(requests_[i]);
    }
}

void AsyncRequests::trim() noexcept {
    memory_.release();
    for (std::size_t i = 0; i < count_; ++i)
        requests_[i].touched = 0;
    touched_ = 0;
}

} // namespace userblk
