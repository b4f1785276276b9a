// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/async_decorator.hpp"
#include "userblk/decorator.hpp"
#include "userblk/log.hpp"

#include <memory>

namespace userblk {

/// Logs each operation when it is done: kind, offset, duration, error.
class LogBackend final : public TransparentDecorator {
public:
    LogBackend(std::shared_ptr<Backend> inner, LogFunction log,
               LogLevel level = LogLevel::information);

protected:
    std::error_code around(const Operation& operation, const Proceed& proceed) override;

private:
    LogFunction log_;
    LogLevel level_;
};

/// The same for asynchronous stores.
class AsyncLogBackend final : public AsyncDecorator {
public:
    AsyncLogBackend(EventLoop& loop, std::unique_ptr<AsyncBackend> inner, LogFunction log,
                    LogLevel level = LogLevel::information);

protected:
    Task<> around(Slot& slot, Operation operation, Proceed proceed) override;

private:
    LogFunction log_;
    LogLevel level_;
};

} // namespace userblk
