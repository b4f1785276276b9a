// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/decorator.hpp"

#include <atomic>

namespace userblk {

/// Fails every Nth operation without carrying it out. Counts operations of all kinds and
/// threads of this process.
class ErrorBackend final : public TransparentDecorator {
public:
    /// @throws std::invalid_argument if @p interval is 0
    ErrorBackend(std::shared_ptr<Backend> inner, std::uint64_t interval,
                 std::error_code error = std::make_error_code(std::errc::io_error));

protected:
    std::error_code around(const Operation& operation, const Proceed& proceed) override;

private:
    std::uint64_t interval_;
    std::error_code error_;
    std::atomic<std::uint64_t> calls_ = 0;
};

} // namespace userblk
