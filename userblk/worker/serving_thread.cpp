// SPDX-License-Identifier: MIT
#include "userblk/worker/serving_thread.hpp"

#include "userblk/os/affinity.hpp"

#include <string>

namespace userblk {

// Failure only costs speed.
std::uint32_t ServingThread::pin() noexcept {
    if (!state_.options.pin)
        return USERBLK_ANY_QUEUE;
    const auto number = state_.node.number();
    const auto queue = (state_.place * state_.options.threads + index_) % state_.queues;
    try {
        const auto processors = processors_of_queue(number, queue);
        const auto error = processors.empty() ? std::make_error_code(std::errc::no_such_device)
                                              : run_on(processors);
        if (error)
            state_.log(LogLevel::warning, "unable to pin to the processors of hardware queue " +
                                              std::to_string(queue) + ": " + error.message());
    } catch (...) {
    }
    return queue;
}

// Runs before the thread first checks whether to stop. A thread that cannot be interrupted in
// SERVE waits in poll, which is only slower.
bool ServingThread::can_wait_in_serve() {
    if (state_.options.wait == WaitMode::poll)
        return false;
    if (state_.wake)
        return true;
    const auto error = state_.interrupters[index_].attach();
    if (error)
        state_.log(LogLevel::warning,
                   "waiting for requests in poll, without a timer: " + error.message());
    return !error;
}

} // namespace userblk
