// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/pool.hpp"
#include "userblk/supervisor/reexec_state.hpp"
#include "userblk/supervisor/reload.hpp"
#include "userblk/supervisor/shutdown.hpp"
#include "userblk/supervisor/signal_receiver.hpp"
#include "userblk/supervisor/status_report.hpp"
#include "userblk/supervisor/store_name_watch.hpp"
#include "userblk/supervisor/supervised_device.hpp"
#include "userblk/supervisor/worker_places.hpp"
#include "userblk/supervisor/worker_starter.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace userblk {

/// Internal: the event loop of a Pool. Each turn compares what there is with what there should
/// be, does what brings the one closer to the other, and waits for the next event. What it does
/// is up to its parts: starter and places for the workers, reload, shutdown.
class Supervisor {
public:
    Supervisor(std::uint32_t number, StoreFactory factory, PoolOptions options);
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    PoolEnd run();
    /// See Pool::check().
    void check();

    /// From any thread, also from a signal handler.
    void request_stop() noexcept;
    void request_reload() noexcept;

private:
    using Clock = std::chrono::steady_clock;
    using State = WorkerProcess::State;

    // Start.
    void adopt(const ReexecState& state);
    void close_inherited() noexcept;

    // What should be.
    bool is_to_stop() const noexcept;
    void take_turn();
    void start_missing_workers();
    void start_worker();
    void report_ready();
    void begin_stop(PoolEnd end);
    void enforce_limits();
    void on_slow_start(WorkerProcess& worker);

    // Events.
    void wait();
    Clock::time_point next_deadline() const noexcept;
    std::chrono::milliseconds start_limit() const noexcept;
    void on_signals();
    void on_node(short revents);
    void on_messages(WorkerProcess& worker);
    void on_ready(WorkerProcess& worker, const std::string& store);
    void on_refusal(WorkerProcess& worker, const std::string& why);
    void on_sigterm_of_worker(WorkerProcess& worker);
    void reap();
    void on_end(WorkerProcess& worker, int status);
    void report_end(const WorkerProcess& worker, int status, const std::string& text);
    void on_start_failure(const std::string& why);
    bool handle_removal();

    std::uint32_t number_;
    PoolOptions options_;
    abi::FileDescriptor wake_; ///< an eventfd
    std::atomic<bool> stop_requested_ = false;
    std::atomic<bool> reload_requested_ = false;

    SignalReceiver signals_;
    StatusReport report_;
    SupervisedDevice device_;
    StoreNameWatch store_name_watch_;
    WorkerStarter starter_;
    WorkerPlaces places_;
    Reload reload_;
    Shutdown shutdown_;
    Clock::time_point turn_{};    ///< when the current turn of the loop began
    bool served_ = false;         ///< all places have been taken once
    bool reported_ready_ = false; ///< and others know
};

} // namespace userblk
