// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/async_backend.hpp"
#include "userblk/backoff.hpp"
#include "userblk/log.hpp"
#include "userblk/process_setup.hpp"
#include "userblk/supervisor_record.hpp"
#include "userblk/worker.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace userblk {

/// How the scheduler treats workers that wake up.
enum class Scheduling {
    /// Each thread adapts to its load, see WorkerOptions::adapt_scheduling. The usual policy is
    /// batch if several threads (processes times threads) serve the device: waking the
    /// second pays off on an idle processor, but not if it preempts the first or the
    /// submitters. For a single one it is that of the supervisor.
    automatic,
    unchanged, ///< the policy of the supervisor
    batch,     ///< see schedule_as_batch()
    /// See schedule_as_fifo(); for the threads that serve, not for those that a backend
    /// has started before. Workers without permission for it fail to start.
    fifo
};

struct PoolOptions {
    unsigned workers = 2; ///< processes, 1 ... 1024
    /// Processes kept ready, with the store open, to replace one that dies.
    unsigned spares = 1;
    Scheduling scheduling = Scheduling::automatic;
    WorkerOptions worker; ///< of each; log below replaces its log
    BackoffPolicy backoff;
    /// How long stop and reload wait for workers to answer what they have taken.
    /// On timeout, stop kills them and puts back what they held; reload lets the old
    /// ones continue and logs that. milliseconds::max(): no limit.
    std::chrono::milliseconds drain_limit{30'000};
    /// How long a new worker may take to open its store; on timeout it is killed and replaced.
    /// Nothing: no limit; the log reports now and then that it is still opening.
    std::optional<std::chrono::milliseconds> start_limit;
    bool io_flusher = true; ///< see set_io_flusher(); failure is logged as a warning
    /// See lock_memory(). A worker also allocates all memory that requests may need
    /// before it is ready, and locks what its backend keeps in memory.
    bool lock_memory = false;
    std::optional<int> oom_score_adj; ///< of the supervisor and its workers
    /// The user the workers switch to once node and store are open. The supervisor
    /// keeps its own, to be able to start new workers.
    std::optional<Credentials> run_as;
    /// Worker processes are named PROGRAM-wN, N being the device's number; a long PROGRAM is cut to
    /// fit the kernel's 15 bytes. Empty: the name of the program that runs.
    std::string program;
    bool notify = true;   ///< send READY=1 etc. to a service manager ($NOTIFY_SOCKET)
    bool announce = true; ///< see SupervisorFile
    /// Store and options for the supervisor file; the pool fills in the rest.
    SupervisorRecord record;
    /// The file that holds the store, open for the life of the pool, and its absolute path. The
    /// program that a reload executes inherits it (Pool::continuation()). If the path no longer
    /// leads to this file, the log and the record report that. -1: none.
    int store_fd = -1;
    std::string store_path;
    /// A program and its arguments. A reload replaces this process by it (exec), so
    /// that a new build takes over. It must create a Pool for the same device, see
    /// Pool::continuation(). Empty: a reload forks new workers of this build, and
    /// objects created before the pool (memory!) stay.
    std::vector<std::string> reexec;
    /// Passed through a re-exec to Pool::continuation(); for the caller's own use.
    std::string reexec_note;
    /// An option that, appended to @p reexec, only checks whether the program would start (see
    /// Pool::check()): it exits with status 0, or prints the reason as the last line on standard
    /// error. A reload executes @p reexec only if the check succeeds. Empty: no check.
    std::string reexec_check;
    /// Returns @p reexec for a reload that requests a change (userblkctl reload DEV --workers 4).
    /// The first word of @p change is a store, to be opened by its name; empty: the store stays.
    /// The others are the caller's own. Empty: changes are refused.
    /// @throws std::exception whose text says why the change is refused
    std::function<std::vector<std::string>(const std::vector<std::string>& change)> change;
    /// Called when the pool is to stop, and every 50 ms until it returns true; the workers
    /// serve meanwhile. A second signal, or removal of the device, ends the wait. Empty: stop at
    /// once.
    std::function<bool()> may_stop;
    /// Called once all workers take requests, and every 50 ms until it returns true; then the
    /// pool reports that it is ready. Empty: at once.
    std::function<bool()> may_be_ready;
    /// Called once, in the supervisor, as soon as all workers take requests.
    std::function<void()> ready;
    LogFunction log;
};

class Supervisor;

/// How a pool's run() ended.
enum class PoolEnd {
    stopped, ///< by a signal or request_stop(); every worker was drained
    forced,  ///< the same, but workers were killed at drain_limit
    removed, ///< the device was removed
    failed   ///< no worker ever started; the log says why
};

/// A supervisor and its worker processes, which serve one device.
///
/// The supervisor forks the workers, restarts those that die (see BackoffPolicy),
/// puts back at once what they held, and drains them on stop: they answer what they
/// have taken and take nothing new. Signals, while run() runs: SIGTERM and SIGINT stop;
/// a second one stops without waiting (two within a second from one process count as
/// one); SIGHUP reloads. The first two stay blocked for the life of the object. SIGTERM to
/// the whole process group acts like SIGTERM to the supervisor; a single worker that gets it
/// is drained and replaced.
///
/// Nothing depends on the supervisor. If it is killed, the workers keep serving, and
/// put back what one of them held when it dies; but no new ones start. To take over,
/// start another pool for the device (it joins the workers) and end the old workers
/// with SIGTERM. Spares without a supervisor exit on their own.
///
/// Reload: the supervisor starts new workers; once all of them are ready, they begin
/// and the old ones drain. If they do not become ready, the old ones continue, with the
/// old program and options. If the store changes, the old ones drain before the new
/// ones begin.
///
/// **fork**: run() forks, so while it runs no other thread of the process may hold
/// locks (loggers with a thread of their own!).
class Pool {
public:
    Pool(std::uint32_t number, StoreFactory factory, PoolOptions options = {});
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    /// Serves until one of PoolEnd. Call it once, from the thread that created the
    /// object. It blocks and receives the signals named above.
    /// @throws std::system_error if the device does not exist, or its control node
    ///         cannot be opened
    PoolEnd run();

    /// Like SIGTERM and SIGHUP. Callable from any thread and from a signal handler.
    void request_stop() noexcept;
    void request_reload() noexcept;

    /// Set if a reload has executed this process: the device to open instead of
    /// creating one, and the caller's note. The old workers keep serving, as children
    /// of this process, until the workers of its pool for that device are ready.
    struct Continuation {
        std::uint32_t number = 0;
        std::string note;
        /// PoolOptions::store_fd of the previous program: open this file as the store, even if
        /// its path now leads elsewhere. The caller closes it. -1: open the store by name.
        int store_fd = -1;
    };
    static std::optional<Continuation> continuation();

    /// Checks that workers would start: starts one that opens its store and exits without
    /// serving.
    /// @throws std::runtime_error that says why they would not
    void check();

    /// For a continuation that fails before run() has taken over the old workers: executes the
    /// program from before the reload again, and then does not return. It goes on with these
    /// workers, and whoever waits for the reload gets @p why. Does nothing in any other process:
    /// call it for every failure. Returns if this was that program, executed again.
    static void go_back(const std::string& why) noexcept;

private:
    std::unique_ptr<Supervisor> supervisor_;
};

} // namespace userblk
