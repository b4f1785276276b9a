// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "userblk/async_backend.hpp"
#include "userblk/backend.hpp"
#include "userblk/log.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace userblk {

enum class WaitMode {
    poll, ///< poll(2) on the control node: one request wakes all waiters
    serve ///< inside SERVE: one request wakes one waiter, and the same call takes it
};

struct WorkerOptions {
    unsigned threads = 1; ///< at least 1
    /// The most requests that a thread takes at a time, 1 ... 4096. Slow stores get
    /// fewer (see BatchSize). 0: 8 if the thread may run on several processors, so that
    /// they work in parallel, 32 if there is one, and 32 for an AsyncBackend, which has them in
    /// flight at once.
    unsigned batch = 0;
    /// userblkctl and userblk::run() default to WaitMode::serve. Here it is opt-in,
    /// because with older modules it uses a signal of the program, see Worker::run().
    WaitMode wait = WaitMode::poll;
    /// With WaitMode::serve: spin for some microseconds before going to sleep, if
    /// spinning has helped recently. Costs processor time, saves latency.
    bool spin = false;
    /// Each thread prefers one hardware queue, while that has requests, and runs on
    /// the processors that submit to it; see Worker::take_place().
    bool pin = false;
    /// Serving threads use SCHED_FIFO at its lowest priority while that makes requests cheaper and
    /// leaves time to others: not without permission for it (CAP_SYS_NICE, or an RLIMIT_RTPRIO of
    /// 1 or more), nor with an explicit policy, a positive nice value, or spin. Changes
    /// RLIMIT_RTTIME and uses SIGXCPU, see Worker::run(). Pools set it for
    /// Scheduling::automatic.
    bool adapt_scheduling = false;
    /// Allows other devices for the store, and other stores for the device: the caller
    /// ensures that their data agree or do not conflict. See Worker::claim().
    bool share = false;
    /// The name of the store in messages, such as "file:/srv/disk.img". Empty: a Pool
    /// uses that of PoolOptions::record, a Worker that of Backend::store_files().
    std::string store;
    LogFunction log;
};

/// How a worker's run() ended.
enum class WorkerEnd {
    stopped, ///< stop() was called; all taken requests were answered
    removed  ///< the device was removed
};

/// One process's part in serving a device: a loop that takes requests, lets the
/// backend carry them out, and answers them. It runs in any number of threads,
/// beside any number of other workers, which it does not know.
///
/// When the kernel reports that a process died while it held requests, the first
/// live worker to notice puts them back (RESET), so that a device recovers without a
/// supervisor. On a device of StoreClass::fenced it first calls Store::fence(), and on one of
/// StoreClass::unfenced it waits for as long as the device says, in a thread of its own.
///
/// Memory: about 1.5 MiB per thread for a device with the default max_transfer,
/// touched only as requests need it. A thread with an AsyncBackend has as many operations in
/// flight as the device's depth, and a buffer for each. After a second without requests, a thread
/// frees all but 256 KiB of it.
class Worker {
public:
    /// @p node must be opened in this process, for this worker alone: the kernel records
    /// the process as the taker.
    /// @throws std::system_error if the device does not answer;
    ///         std::invalid_argument for options out of range
    Worker(abi::ControlNode node, std::shared_ptr<Backend> backend, WorkerOptions options = {});
    /// Opens the store for the node's device; an AsyncBackend once per thread.
    /// @throws the exceptions of @p make as well
    Worker(abi::ControlNode node, const StoreFactory& make, WorkerOptions options = {});
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    const Store& store() const noexcept;

    /// Checks, by the locks of other workers (see Backend::store_files()), that no other device
    /// has the store and that this device has no other store, and locks both for the life of
    /// this process. run() does this first unless done before. Waits briefly for workers that
    /// may be about to exit.
    /// @throws std::runtime_error that names device and store
    void claim();
    /// Claims the store alone, not the device; for a worker that waits until the workers that
    /// serve the device with another store have exited.
    void claim_store();

    /// Serves until stop() is called or the device is removed. The calling thread
    /// is one of those that serve. Call it once.
    ///
    /// On modules without USERBLK_FEATURE_WAKE, WaitMode::serve interrupts their waits by
    /// SIGURG, with SA_RESTART; WorkerOptions::adapt_scheduling uses SIGXCPU likewise, and lets
    /// RLIMIT_RTTIME be at most 10 ms. The last worker of the process restores handlers, mask and
    /// limit.
    ///
    /// Stale answers are counted and otherwise ignored: the request was put back.
    /// Exceptions of the backend become EIO. Errors of the backend are logged with the
    /// operation and its offset, at most ten messages in ten seconds, with the number
    /// of those suppressed.
    /// @throws std::system_error if threads or memory cannot be allocated, or if SERVE
    ///         fails other than by removal; exit the process then, so that others put
    ///         back what it still holds
    WorkerEnd run();

    /// With WorkerOptions::pin: the index of this worker among those of its device, from
    /// 0, by which their threads divide the hardware queues. Call it before run().
    void take_place(unsigned place) noexcept;

    /// Allocates now all memory that requests may need, and calls Backend::preload();
    /// for a process that has locked its memory (see lock_memory()). Call it before
    /// run().
    std::error_code preload() noexcept;

    /// Makes run() drain and return: it answers what it has taken and takes nothing
    /// new. Returns at once. Callable from any thread and from a signal handler, any
    /// number of times, also before run().
    void stop() noexcept;

    struct Counts {
        std::uint64_t requests = 0; ///< carried out; likewise the next ones
        std::uint64_t reads = 0;
        std::uint64_t writes = 0;
        std::uint64_t flushes = 0;
        std::uint64_t discards = 0;
        std::uint64_t write_zeroes = 0;
        std::uint64_t bytes_read = 0;
        std::uint64_t bytes_written = 0;
        std::uint64_t errors = 0;   ///< answered with an error
        std::uint64_t stale = 0;    ///< refused answers: put back meanwhile
        std::uint64_t resets = 0;   ///< RESETs that put a request back
        std::uint64_t put_back = 0; ///< requests put back
    };
    /// Totals of all threads so far. Callable from any thread, at any time.
    Counts counts() const noexcept;

private:
    struct Shared;
    std::unique_ptr<Shared> shared_;
};

} // namespace userblk
