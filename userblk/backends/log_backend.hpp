// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/decorator.hpp"
#include "userblk/log.hpp"

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

} // namespace userblk
