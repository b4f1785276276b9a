// SPDX-License-Identifier: MIT
#include "userblk/worker/request_log.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/inspect/describe_requests.hpp"
#include "userblk/units.hpp"
#include "userblk/worker/answer_status.hpp"

#include <chrono>

namespace userblk {

// Every user that tries to discard or write zeroes calls an unsupporting backend once or a few
// times.
void RequestLog::backend_failed(const userblk_request& request, std::error_code error,
                                const std::string& thrown) const noexcept {
    const bool hint = request.op == USERBLK_OP_DISCARD || request.op == USERBLK_OP_WRITE_ZEROES;
    const bool unable = hint && error == std::errc::operation_not_supported;
    write(unable ? LogLevel::notice : LogLevel::error, request,
          [&] { return "failed: " + (thrown.empty() ? describe_error(error) : thrown); });
}

void RequestLog::wrong_length(const userblk_request& request, const char* what,
                              std::uint64_t length) const noexcept {
    write(LogLevel::error, request, [&] {
        return "got " + format_count(length, "byte") + " from the backend's " + what +
               ", instead of " + std::to_string(request.length) + "; ignoring that answer";
    });
}

void RequestLog::worker_failed(const userblk_request& request, const char* why,
                               std::error_code error) const noexcept {
    write(LogLevel::error, request,
          [&] { return std::string("failed, ") + why + ": " + error.message(); });
}

// Builds the text only if the message is admitted.
template <class Text>
void RequestLog::write(LogLevel level, const userblk_request& request, Text&& text) const noexcept {
    const auto left_out = state_.errors.admit(std::chrono::steady_clock::now());
    if (!left_out)
        return;
    try {
        auto line = abi::disk_name(state_.node.number()) + ": " +
                    describe_request(request.op, request.offset, request.length) + " " + text();
        if (!state_.options.store.empty())
            line += " [" + state_.options.store + "]";
        if (*left_out > 0)
            line += "; " + format_count(*left_out, "error") + " before this one not logged";
        state_.log(level, line);
    } catch (...) {
    }
}

} // namespace userblk
