// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/userblk_ioctl.h"
#include "userblk/backend.hpp"
#include "userblk/worker/kernel_exchange.hpp"
#include "userblk/worker/payload_buffers.hpp"
#include "userblk/worker/request_log.hpp"
#include "userblk/worker/thread_counters.hpp"
#include "userblk/worker/worker_state.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>

namespace userblk {

/// Internal: executes one thread's requests on the backend and appends their answers.
/// Catches the backend's exceptions.
class RequestExecutor {
public:
    RequestExecutor(WorkerState& state, PayloadBuffers& buffers, ThreadCounters& counters);

    /// @p record is the request's index in its batch.
    void execute(const userblk_request& request, unsigned record);

    KernelExchange& kernel() noexcept { return kernel_; }

private:
    void execute_here(const userblk_request& request, unsigned record);
    void read(const userblk_request& request);
    bool read_without_copy(const userblk_request& request);
    void write(const userblk_request& request, unsigned record);
    bool store_into_mapping(const userblk_request& request);
    void write_fetched(const userblk_request& request);
    void finish_write(const userblk_request& request, std::span<const std::byte> data);
    bool redirect(const userblk_request& request);
    void answer_redirected(const userblk_request& request);
    std::span<std::byte> extent_list();

    void answer(const userblk_request& request, std::error_code error,
                std::span<const std::byte> data = {});
    [[gnu::cold]] void answer_error(const userblk_request& request, std::error_code error) noexcept;
    [[gnu::cold]] bool answer_again(const userblk_answer& refused, const userblk_request& request);
    [[gnu::cold]] void note_refusal(int error);

    template <class Call>
    std::error_code guarded(Call&& call) noexcept;
    [[gnu::cold]] std::error_code caught(const char* what) noexcept;

    WorkerState& state_;
    Backend& backend_;
    PayloadBuffers& buffers_;
    ThreadCounters& counters_;
    RequestLog log_;
    bool maps_stores_; ///< fetches payloads straight into the store
    bool wants_data_;
    bool redirects_;
    bool backend_fua_;
    KernelExchange kernel_;
    Extents extents_;    ///< of the current operation
    std::string thrown_; ///< by the backend, for the current request
};

} // namespace userblk
