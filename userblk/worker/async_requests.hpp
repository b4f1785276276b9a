// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/userblk_ioctl.h"
#include "userblk/slot.hpp"
#include "userblk/task.hpp"
#include "userblk/worker/payload_memory.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <system_error>

namespace userblk {

class AsyncWorkerThread;

/// Internal: the place of one request of an asynchronous backend, until its answer is sent.
struct AsyncRequest {
    userblk_request request{};
    Slot slot;
    std::optional<Task<>> task; ///< while the operation is in flight
    AsyncWorkerThread* thread = nullptr;
    std::span<std::byte> buffer; ///< for its payload, as large as the largest
    std::size_t touched = 0;     ///< bytes of the buffer, an upper bound
    AsyncRequest* next = nullptr;
};

/// Internal: the requests of one thread, and the memory for their payloads. A buffer belongs to
/// its request from before it is taken until its answer is sent: neither an early answer nor a
/// RESET frees it while an operation uses it. Pages are allocated on first touch, and the requests
/// freed last are used first. For one thread.
class AsyncRequests {
public:
    /// @throws std::system_error, std::bad_alloc
    AsyncRequests(AsyncWorkerThread& thread, std::size_t count, std::size_t max_transfer);
    AsyncRequests(const AsyncRequests&) = delete;
    AsyncRequests& operator=(const AsyncRequests&) = delete;

    std::size_t count() const noexcept { return count_; }
    /// A free one, or nullptr.
    AsyncRequest* take() noexcept {
        auto* const first = free_;
        if (first != nullptr)
            free_ = first->next;
        return first;
    }
    void free(AsyncRequest& request) noexcept {
        request.next = free_;
        free_ = &request;
    }

    /// Records that @p length bytes of the buffer are being used.
    void touch(AsyncRequest& request, std::size_t length) noexcept {
        if (length <= request.touched)
            return;
        touched_ += length - request.touched;
        request.touched = length;
    }
    /// An upper bound of the bytes touched since the last trim().
    std::size_t touched() const noexcept { return touched_; }
    /// Allocates all pages now instead of on first touch.
    std::error_code preload() noexcept { return memory_.preload(); }
    /// Returns the memory of the payloads to the system, unless it is locked. Not while operations
    /// are in flight or answers wait.
    void trim() noexcept;

private:
    std::size_t count_;
    PayloadMemory memory_; ///< outlives the requests, whose operations may use it
    std::unique_ptr<AsyncRequest[]> requests_;
    AsyncRequest* free_ = nullptr;
    std::size_t touched_ = 0;
};

} // namespace userblk
