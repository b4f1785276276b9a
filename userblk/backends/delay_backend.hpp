// SPDX-License-Identifier: MIT
#pragma once

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

} // namespace userblk
