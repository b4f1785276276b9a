// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/userblk_ioctl.h"
#include "userblk/log.hpp"
#include "userblk/worker/worker_state.hpp"

#include <cstdint>
#include <string>
#include <system_error>

namespace userblk {

/// Internal: logs failed requests with operation, offset, error and store; as many as
/// ErrorLog admits. Thread-safe. Without memory it logs nothing.
class RequestLog {
public:
    explicit RequestLog(WorkerState& state) noexcept : state_(state) {}

    /// @param thrown the text of the exception behind @p error; empty if none
    [[gnu::cold]] void backend_failed(const userblk_request& request, std::error_code error,
                                      const std::string& thrown) const noexcept;
    /// The backend's function @p what returned @p length bytes, not the request's length.
    [[gnu::cold]] void wrong_length(const userblk_request& request, const char* what,
                                    std::uint64_t length) const noexcept;
    /// This worker failed the request, not the backend, as far as is known.
    [[gnu::cold]] void worker_failed(const userblk_request& request, const char* why,
                                     std::error_code error) const noexcept;

private:
    template <class Text>
    void write(LogLevel level, const userblk_request& request, Text&& text) const noexcept;

    WorkerState& state_;
};

} // namespace userblk
