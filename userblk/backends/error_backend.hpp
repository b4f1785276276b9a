// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/async_decorator.hpp"
#include "userblk/decorator.hpp"

#include <atomic>
#include <cstdint>
#include <memory>

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

/// The same for asynchronous stores.
class AsyncErrorBackend final : public AsyncDecorator {
public:
    using Calls = std::atomic<std::uint64_t>;

    /// @param calls shared by the objects of all threads
    /// @throws std::invalid_argument if @p interval is 0
    AsyncErrorBackend(EventLoop& loop, std::unique_ptr<AsyncBackend> inner, std::uint64_t interval,
                      std::shared_ptr<Calls> calls = std::make_shared<Calls>(),
                      std::error_code error = std::make_error_code(std::errc::io_error));

protected:
    Task<> around(Slot& slot, Operation operation, Proceed proceed) override;

private:
    std::uint64_t interval_;
    std::shared_ptr<Calls> calls_;
    std::error_code error_;
};

} // namespace userblk
