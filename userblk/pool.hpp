// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backend.hpp"
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

/// How workers get a processor when they wake up.
enum class Scheduling {
    /// Several that serve one device (processes times threads) as with batch, since the
    /// second of them is worth waking where a processor has nothing to do, but not worth
    /// displacing the first or those who submit; one alone as with unchanged.
    automatic,
    unchanged, ///< by the policy of the supervisor
    batch,     ///< see schedule_as_batch()
    /// See schedule_as_fifo(), for the threads that serve, not those that a backend has
    /// started before. Workers that ask for it and may not do not start.
    fifo
};

struct PoolOptions {
    unsigned workers = 2; ///< processes, 1 ... 1024
    /// Processes kept ready, store opened, to take the place of one that dies.
    unsigned spares = 1;
    Scheduling scheduling = Scheduling::automatic;
    WorkerOptions worker; ///< of each; its log is replaced by the one below
    BackoffPolicy backoff;
    /// How long stopping and reloading wait for workers to answer what they have
    /// taken. After it, stopping kills them and puts back what they held;
    /// reloading leaves the old ones at it and says so. milliseconds::max(): no limit.
    std::chrono::milliseconds drain_limit{30'000};
    /// How long a new worker may take to open its store; then it is killed, and another one is
    /// started. Nothing: as long as it lives; the log says now and then that it is still at it.
    std::optional<std::chrono::milliseconds> start_limit;
    bool io_flusher = true; ///< see set_io_flusher(); a warning where it is refused
    /// See lock_memory(); and what a worker may need for requests is taken before it
    /// is called ready, what its backend keeps in memory is locked too.
    bool lock_memory = false;
    std::optional<int> oom_score_adj; ///< of the supervisor and its workers
    /// Whom the workers become once node and store are open. The supervisor stays
    /// what it is, to be able to start new ones.
    std::optional<Credentials> run_as;
    bool notify = true;   ///< tell a service manager ($NOTIFY_SOCKET) READY=1 and so on
    bool announce = true; ///< see SupervisorFile
    /// What it says there about the store and the options; the rest is filled in.
    SupervisorRecord record;
    /// The file that the store lies in, open as long as the pool is there, and its path, which
    /// depends on no folder. It goes on to what a reload executes (Pool::continuation()), and when
    /// the path does not lead to it any more the log and the record say so. -1: none.
    int store_fd = -1;
    std::string store_path;
    /// A program and its arguments that a reload executes in place of this one,
    /// so that a new build takes over. It must lead to a Pool for the same device;
    /// see Pool::continuation(). Empty: a reload forks new workers of this build,
    /// and what was made before the pool (memory!) stays.
    std::vector<std::string> reexec;
    /// Handed through a re-exec to Pool::continuation(); for the caller's own use.
    std::string reexec_note;
    /// Such an option, behind @p reexec, only finds out whether that would come up (see
    /// Pool::check()): it ends with status 0, or says why not as the last line on standard error.
    /// A reload executes nothing that would not. Empty: it takes the risk.
    std::string reexec_check;
    /// What @p reexec is when a reload asks for a change (userblkctl reload DEV --workers 4). The
    /// first word is a store, to be opened by its name; empty: the store stays. The others are the
    /// caller's own. Empty: nothing can be changed.
    /// @throws std::exception whose text says why it cannot be
    std::function<std::vector<std::string>(const std::vector<std::string>& change)> change;
    /// Asked when the pool is to stop, and every 50 ms until it says yes, while the workers
    /// serve on; a second signal ends that, and so does the device's removal. Empty: at once.
    std::function<bool()> may_stop;
    /// Asked once all workers take requests, and every 50 ms until it says yes: only then others
    /// are told that the pool is ready. Empty: at once.
    std::function<bool()> may_be_ready;
    /// Called once, in the supervisor, as soon as all workers take requests.
    std::function<void()> ready;
    LogFunction log;
};

class Supervisor;

/// How a pool's run() ended.
enum class PoolEnd {
    stopped, ///< by a signal or request_stop(); every worker was drained
    forced,  ///< the same, but workers had to be killed when the time was over
    removed, ///< the device was removed
    failed   ///< no worker could ever be started; the log says why
};

/// A supervisor and its worker processes, which serve one device.
///
/// It starts the workers with fork, starts those again that die (see
/// BackoffPolicy) and puts back at once what they held, and ends them in an
/// orderly way: they answer what they have taken and take nothing new. Signals,
/// while run() runs: SIGTERM and SIGINT stop; a second one does not wait any
/// longer (two within a second from one process count as one); SIGHUP reloads. The first
/// two stay blocked as long as the object lives. SIGTERM to the whole process group is the
/// same as to the supervisor; to one worker alone, it is drained and replaced.
///
/// Nothing depends on the supervisor's life. When it is killed, the workers go on
/// serving and heal the queue when one of them dies; only nobody starts new ones.
/// To take over, start another pool for the device (it simply joins) and end the
/// old workers with SIGTERM. Spares that nobody will call any more end themselves.
///
/// Reload: new workers are started; when all of them are ready they begin, and the
/// old ones are drained. If they do not become ready the old ones go on, and with them
/// the program and the options that they had. Only if the store is another one are the
/// old ones drained before the new ones begin.
///
/// **fork**: run() forks, so there must be no other threads in the process that
/// hold locks (loggers that work in a thread of their own!) while it runs.
class Pool {
public:
    Pool(std::uint32_t number, BackendFactory factory, PoolOptions options = {});
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    /// Serves until something ends it. Call it once, from the thread that made the
    /// object. The signals named above are blocked and taken by it meanwhile.
    /// @throws std::system_error if there is no such device, or no permission for
    ///         its control node
    PoolEnd run();

    /// The same as SIGTERM and SIGHUP. From any thread or a signal handler.
    void request_stop() noexcept;
    void request_reload() noexcept;

    /// Set when this process is the new build that a reload has executed: the
    /// device to open instead of making one, and the caller's note. The old
    /// workers go on serving, as children of this process, until this process's
    /// pool for that device has its own ready.
    struct Continuation {
        std::uint32_t number = 0;
        std::string note;
        /// PoolOptions::store_fd of the program before: the store is to be that file, whatever has
        /// its name by now. The caller's to close. -1: it is to be opened by name.
        int store_fd = -1;
    };
    static std::optional<Continuation> continuation();

    /// Whether workers would start, found out by one that opens its store and ends. It serves
    /// nothing.
    /// @throws std::runtime_error that says why not
    void check();

    /// For a continuation that cannot come up: executes the program again that the reload came
    /// from, where that had other arguments. Does not return then.
    static void go_back(const std::string& why) noexcept;

private:
    std::unique_ptr<Supervisor> supervisor_;
};

} // namespace userblk
