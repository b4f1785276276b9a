// SPDX-License-Identifier: MIT
#include "userblk/backends/error_backend.hpp"

#include <stdexcept>
#include <utility>

namespace userblk {

namespace {

void check_interval(std::uint64_t interval) {
    if (interval == 0)
        throw std::invalid_argument("the interval of errors must be at least 1");
}

} // namespace

ErrorBackend::ErrorBackend(std::shared_ptr<Backend> inner, std::uint64_t interval,
                           std::error_code error)
    : TransparentDecorator(std::move(inner)), interval_(interval), error_(error) {
    check_interval(interval_);
}

std::error_code ErrorBackend::around(const Operation&, const Proceed& proceed) {
    const bool due = (calls_.fetch_add(1) + 1) % interval_ == 0;
    return due ? error_ : proceed();
}

AsyncErrorBackend::AsyncErrorBackend(EventLoop& loop, std::unique_ptr<AsyncBackend> inner,
                                     std::uint64_t interval, std::shared_ptr<Calls> calls,
                                     std::error_code error)
    : AsyncDecorator(loop, std::move(inner)), interval_(interval), calls_(std::move(calls)),
      error_(error) {
    check_interval(interval_);
}

Task<> AsyncErrorBackend::around(Slot& slot, Operation, Proceed proceed) {
    const bool due = (calls_->fetch_add(1) + 1) % interval_ == 0;
    if (due)
        co_return error_;
    co_return co_await proceed(slot);
}

} // namespace userblk
