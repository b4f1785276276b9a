// SPDX-License-Identifier: MIT
#include "userblk/worker/worker_state.hpp"

#include <cerrno>
#include <cstdint>
#include <unistd.h>

namespace userblk {

void WorkerState::stop() noexcept {
    const int saved = errno; // also runs in signal handlers
    if (stopping.exchange(true))
        return;
    if (wake)
        node.wake(abi::ControlNode::all_waits);
    else
        for (auto& interrupter : interrupters)
            interrupter.start();
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_event.get(), &one, sizeof(one));
    errno = saved;
}

void WorkerState::log_suppressed() noexcept {
    if (const auto count = errors.take_left_out(); count > 0)
        log(LogLevel::error, std::to_string(count) + " more errors of the backend were not logged");
}

void WorkerState::stop_interrupting() noexcept {
    for (auto& interrupter : interrupters)
        interrupter.end();
}

} // namespace userblk
