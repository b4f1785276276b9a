// SPDX-License-Identifier: MIT
#include "userblk/backends/error_backend.hpp"

#include <stdexcept>
#include <utility>

namespace userblk {

ErrorBackend::ErrorBackend(std::shared_ptr<Backend> inner, std::uint64_t interval,
                           std::error_code error)
    : TransparentDecorator(std::move(inner)), interval_(interval), error_(error) {
    if (interval_ == 0)
        throw std::invalid_argument("the interval of errors must be at least 1");
}

std::error_code ErrorBackend::around(const Operation&, const Proceed& proceed) {
    const bool due = (calls_.fetch_add(1) + 1) % interval_ == 0;
    return due ? error_ : proceed();
}

} // namespace userblk
