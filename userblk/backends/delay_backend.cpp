// SPDX-License-Identifier: MIT
#include "userblk/backends/delay_backend.hpp"

#include <thread>
#include <utility>

namespace userblk {

DelayBackend::DelayBackend(std::shared_ptr<Backend> inner, std::chrono::nanoseconds delay)
    : TransparentDecorator(std::move(inner)), delay_(delay) {}

std::error_code DelayBackend::around(const Operation&, const Proceed& proceed) {
    std::this_thread::sleep_for(delay_);
    return proceed();
}

AsyncDelayBackend::AsyncDelayBackend(EventLoop& loop, std::unique_ptr<AsyncBackend> inner,
                                     std::chrono::nanoseconds delay)
    : AsyncDecorator(loop, std::move(inner)), delay_(delay) {}

Task<> AsyncDelayBackend::around(Slot& slot, Operation, Proceed proceed) {
    co_await loop().sleep_for(delay_);
    co_return co_await proceed(slot);
}

} // namespace userblk
