// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "ioctl/file_descriptor.hpp"
#include "userblk/backoff.hpp"
#include "userblk/pool.hpp"
#include "userblk/store/store_name_check.hpp"
#include "userblk/supervisor/reexec_state.hpp"
#include "userblk/supervisor/reload_socket.hpp"
#include "userblk/supervisor/start_check.hpp"
#include "userblk/supervisor/supervisor_file.hpp"
#include "userblk/supervisor/worker_process.hpp"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace userblk {

/// Internal: the event loop of a Pool. It looks at what there is and what there
/// should be, does what brings the one nearer to the other, and waits for the next
/// event.
///
/// Each of the pool's places is filled by a worker that serves. New children open
/// their store first and then wait to be given a place, so that a place is empty
/// for as short as can be. Children belong to generations; a reload begins a new
/// one and fills all places from it as soon as it can.
class Supervisor {
public:
    Supervisor(std::uint32_t number, BackendFactory factory, PoolOptions options);
    ~Supervisor();
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    PoolEnd run();
    /// See Pool::check().
    void check();

    /// From anywhere, also from a signal handler.
    void request_stop() noexcept;
    void request_reload() noexcept;

private:
    using Clock = Backoff::Clock;
    using State = WorkerProcess::State;
    using Children = std::vector<std::unique_ptr<WorkerProcess>>;

    struct Place {
        WorkerProcess* worker = nullptr;
        Backoff backoff;
        Clock::time_point next{}; ///< not before, when it is empty
    };

    // Beginning.
    void set_up_process();
    void announce() noexcept;
    void look_at_store();
    void set_error(const std::string& text) noexcept;
    void hold_store() noexcept;
    void take_signals();
    void adopt(const ReexecState& handover);
    void adopt_child(pid_t pid, State state);

    // Bringing about what should be.
    void fill();
    void start_child();
    [[noreturn]] void become_worker(abi::FileDescriptor channel);
    void assign();
    void give_place(Place& place, WorkerProcess& child);
    WorkerProcess* ready_child() noexcept;
    std::size_t count_current(bool only_ready) const noexcept;
    void tell_ready();

    // Reloading.
    void begin_reload(const std::vector<std::string>& change);
    void take_client();
    void look_at_check();
    void fork_anew();
    int store_so_far() const noexcept;
    std::error_code reexecute(const std::vector<std::string>& program, Reload reload);
    void commit_reload();
    bool changes_store() const noexcept;
    void change_store();
    void end_reload();
    void dismiss_client();
    void refuse_reload(const std::string& why);
    void abandon_reload(const std::string& why);
    void go_back(const std::string& why);
    bool is_new(const WorkerProcess& child) const noexcept {
        return child.generation == generation_;
    }

    // Ending.
    void ask_to_stop();
    void begin_stop(PoolEnd end);
    void force(const char* why);
    bool is_same_request(pid_t sender) noexcept;
    void enforce_limits();
    std::chrono::milliseconds start_patience() const noexcept;
    void on_slow_start(WorkerProcess& child);
    bool finished() const noexcept;

    // Waiting, and what comes of it.
    void wait();
    Clock::time_point next_deadline() const noexcept;
    void on_signals();
    void on_node(short revents);
    void on_message(WorkerProcess& child);
    void on_ready(WorkerProcess& child, const std::string& store);
    void on_refusal(WorkerProcess& child, const std::string& why);
    void on_asked_to_end(WorkerProcess& child);
    void leave_place(const WorkerProcess& child);
    bool is_removed() const noexcept;
    bool ends_as_removed();
    void on_end(WorkerProcess& child, int status);
    void on_start_failure(const std::string& why);
    void reap();
    void hint_at_delivery_limit() noexcept;
    void heal() noexcept;

    void log(LogLevel level, const std::string& text) const noexcept;
    void notify(const std::string& state) const noexcept;

    std::uint32_t number_;
    PoolOptions options_;
    WorkerSetup setup_;
    std::optional<abi::ControlNode> node_;
    std::optional<SupervisorFile> announcement_;
    abi::FileDescriptor wake_;    ///< an eventfd
    abi::FileDescriptor signals_; ///< a signalfd
    std::optional<sigset_t> mask_before_;
    std::atomic<bool> stop_requested_ = false;
    std::atomic<bool> reload_requested_ = false;

    Children children_;
    std::vector<Place> places_;
    unsigned generation_ = 0;
    bool reloading_ = false;
    std::optional<ReloadSocket> reload_socket_;
    std::optional<ReloadClient> client_; ///< waits for the outcome
    std::optional<StartCheck> check_;    ///< of what is to be executed
    std::vector<std::string> next_program_;
    std::vector<std::string> previous_;  ///< executed again if the new workers do not start
    std::string previous_identity_;      ///< of the store, before the reload
    abi::FileDescriptor previous_store_; ///< of that one, if this one was opened by name
    bool next_anew_ = false;             ///< next_program_ is to do so
    std::optional<Clock::time_point> change_deadline_; ///< set: no worker serves meanwhile
    bool established_ = false;                         ///< workers have served once
    bool told_ready_ = false;
    StoreNameCheck look_;
    Clock::time_point next_look_{};
    Backoff start_backoff_; ///< of children that never became ready
    Clock::time_point next_start_{};

    bool asked_to_stop_ = false; ///< by a signal, and nobody has said that it may
    pid_t stop_sender_ = 0;      ///< of the last signal to stop
    Clock::time_point stop_sent_{};
    std::optional<PoolEnd> end_; ///< set: it is stopping
    Clock::time_point stop_deadline_{};
    bool forced_ = false;
    bool removed_ = false;
    std::string hinted_at_; ///< the request that the log named last
};

} // namespace userblk
