// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/async_decorator.hpp"
#include "userblk/decorator.hpp"

#include <chrono>

namespace userblk {

/// Sleeps before each operation, in the thread that carries it out.
class DelayBackend final : public TransparentDecorator {
public:
    DelayBackend(std::shared_ptr<Backend> inner, std::chrono::nanoseconds delay);

protected:
    std::error_code around(const Operation& operation, const Proceed& proceed) override;

private:
    std::chrono::nanoseconds delay_;
};

/// Waits before each operation; the thread carries others out meanwhile.
class AsyncDelayBackend final : public AsyncDecorator {
public:
    AsyncDelayBackend(EventLoop& loop, std::unique_ptr<AsyncBackend> inner,
                      std::chrono::nanoseconds delay);

protected:
    Task<> around(Slot& slot, Operation operation, Proceed proceed) override;

private:
    std::chrono::nanoseconds delay_;
};

} // namespace userblk
