// SPDX-License-Identifier: MIT
#include "userblk/backends/log_backend.hpp"

#include "userblk/units.hpp"

#include <chrono>
#include <utility>

namespace userblk {

namespace {

const char* name_of(Operation::Kind kind) noexcept {
    switch (kind) {
    case Operation::Kind::read:
        return "read";
    case Operation::Kind::write:
        return "write";
    case Operation::Kind::flush:
        return "flush";
    case Operation::Kind::discard:
        return "discard";
    case Operation::Kind::write_zeroes:
        return "write of zeros";
    }
    return "operation";
}

using Clock = std::chrono::steady_clock;

std::string text_of(const Operation& operation) {
    std::string text = name_of(operation.kind);
    if (operation.kind != Operation::Kind::flush)
        text +=
            " of " + std::to_string(operation.length) + " at " + std::to_string(operation.offset);
    if (operation.fua)
        text += ", durable";
    if (operation.keep_allocated)
        text += ", keeping it allocated";
    return text;
}

std::string text_of(const Operation& operation, std::error_code error, Clock::time_point start) {
    return text_of(operation) + ": " + (error ? error.message() : "ok") + ", " +
           format_duration(Clock::now() - start);
}

} // namespace

LogBackend::LogBackend(std::shared_ptr<Backend> inner, LogFunction log, LogLevel level)
    : TransparentDecorator(std::move(inner)), log_(std::move(log)), level_(level) {}

std::error_code LogBackend::around(const Operation& operation, const Proceed& proceed) {
    const auto start = Clock::now();
    const auto error = proceed();
    if (log_)
        log_(level_, text_of(operation, error, start));
    return error;
}

AsyncLogBackend::AsyncLogBackend(EventLoop& loop, std::unique_ptr<AsyncBackend> inner,
                                 LogFunction log, LogLevel level)
    : AsyncDecorator(loop, std::move(inner)), log_(std::move(log)), level_(level) {}

Task<> AsyncLogBackend::around(Slot& slot, Operation operation, Proceed proceed) {
    const auto start = Clock::now();
    const auto error = co_await proceed(slot);
    if (log_)
        log_(level_, text_of(operation, error, start));
    co_return error;
}

} // namespace userblk
