// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/async_backend.hpp"
#include "userblk/worker/adaptive_scheduling.hpp"
#include "userblk/worker/async_exchange.hpp"
#include "userblk/worker/async_requests.hpp"
#include "userblk/worker/request_log.hpp"
#include "userblk/worker/serving_thread.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <system_error>

namespace userblk {

/// Internal: a thread of a worker with an AsyncBackend: takes requests, starts their operations,
/// and answers those that have ended. With nothing in flight it waits inside SERVE; otherwise for
/// control node, store and times at once.
class AsyncWorkerThread final : public ServingThread {
public:
    /// @throws the exceptions of @p make
    AsyncWorkerThread(WorkerState& state, unsigned index, const AsyncBackendFactory& make);
    ~AsyncWorkerThread() override;

    void run() override;
    const Store& store() const noexcept override { return *backend_; }
    std::error_code preload() noexcept override { return requests_->preload(); }

private:
    class NodeWatch;
    class StopWatch;

    bool step(NodeWatch& node, bool in_poll);
    void serve(std::int64_t timeout_ns);
    void wait_in_serve();
    void wait_in_loop(NodeWatch& node);
    void note_removal() noexcept;

    void start(AsyncRequest& request) noexcept;
    Task<> begin(AsyncRequest& request);
    Task<> write_durably(Slot& slot, std::uint64_t offset, std::span<const std::byte> data);
    static void at_end(void* request) noexcept;
    void answer_ended() noexcept;
    void finish(AsyncRequest& request) noexcept;
    [[gnu::cold]] void fail(AsyncRequest& request, std::error_code error,
                            const std::string& thrown) noexcept;
    unsigned room() const noexcept { return most_in_flight_ - in_flight_; }

    // In this order: the operations use the backend, and that the loop.
    EventLoop loop_;
    std::unique_ptr<AsyncBackend> backend_;
    unsigned most_in_flight_;
    std::unique_ptr<AsyncRequests> requests_;
    AsyncExchange kernel_;
    RequestLog log_;
    bool backend_fua_;
    bool gave_up_ = false;                     ///< on the operations in flight: the device is gone
    unsigned in_flight_ = 0;                   ///< operations that have not ended
    AsyncRequest* ended_ = nullptr;            ///< not answered yet
    AdaptiveScheduling* scheduling_ = nullptr; ///< of run()
    unsigned serves_ = 0;                      ///< since the loop was last looked at
};

} // namespace userblk
