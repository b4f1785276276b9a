// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "userblk/backend.hpp"
#include "userblk/log.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace userblk {

enum class WaitMode {
    poll, ///< poll(2) on the control node, which wakes all that wait so for one request
    serve ///< inside SERVE: wakes one for one request, and it has it with the same call
};

struct WorkerOptions {
    unsigned threads = 1; ///< at least 1
    /// The most requests that one thread takes at a time, 1 ... 4096. Slow stores
    /// get less (see BatchSize). 0: 8 where it may run on several processors, which
    /// lets them work at the same time, 32 where there is one.
    unsigned batch = 0;
    /// userblkctl and userblk::run() take WaitMode::serve if nothing else is said. Here
    /// it has to be asked for: it uses a signal of the program, see Worker::run().
    WaitMode wait = WaitMode::poll;
    /// With WaitMode::serve: look for requests for some microseconds before going
    /// to sleep, if that has helped lately. Costs processor time, saves latency.
    bool spin = false;
    /// Each thread keeps to one hardware queue, as long as that has requests, and
    /// to the processors whose requests it brings; see Worker::take_place().
    bool pin = false;
    /// The store may have other devices, and the device other stores: somebody sees to it
    /// that their data are the same, or in nobody's way. See Worker::claim().
    bool share = false;
    /// What messages call the store, such as "file:/srv/disk.img". Where it is empty a
    /// Pool takes PoolOptions::record's, a Worker what Backend::store_files() says.
    std::string store;
    LogFunction log;
};

/// How a worker's run() ended.
enum class WorkerEnd {
    stopped, ///< stop() was called; everything taken has been answered
    removed  ///< the device was removed
};

/// One process's part in serving a device: a loop that takes requests, has the
/// backend carry them out, and answers them; in any number of threads, beside
/// any number of other workers, which it does not know of.
///
/// When the kernel tells that a process died which held requests, the first
/// living worker to hear of it puts them back (RESET), so that a device needs no
/// supervisor to heal.
///
/// Memory: about 1.5 MiB per thread for a device with the default max_transfer,
/// touched only as requests need it; what is more than 256 KiB of it is given back
/// when there are none for a second.
class Worker {
public:
    /// @p node is the worker's own, opened in this process: the kernel holds the
    /// process responsible for what it takes.
    /// @throws std::system_error if the device does not answer;
    ///         std::invalid_argument for options out of their range
    Worker(abi::ControlNode node, std::shared_ptr<Backend> backend, WorkerOptions options = {});
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Makes sure that no other device has the store, nor this device another store, as far
    /// as can be seen from the locks of other workers (see Backend::store_files()), and locks
    /// them for as long as this process lives. run() does so first if nobody has. Waits for
    /// some moments for who may be about to leave.
    /// @throws std::runtime_error that names device and store
    void claim();
    /// Only that no other device has the store; for a worker that waits until those that serve
    /// the device with another one have ended.
    void claim_store();

    /// Serves until stop() is called or the device is removed. The calling thread
    /// is one of those that serve. With WaitMode::serve SIGURG is used to end their
    /// waits, with SA_RESTART; handler and mask are put back as they were, with the
    /// last worker of the process. Call it once.
    ///
    /// Answers refused as stale are counted and otherwise ignored: somebody has
    /// put the request back. Exceptions of the backend become EIO. What the backend
    /// fails with is logged: the operation, its place and the error, at most ten
    /// messages in ten seconds, with the number of those left out.
    /// @throws std::system_error if threads or memory cannot be had, or the
    ///         kernel refuses to serve in a way that is no consequence of removal;
    ///         end the process then, so that others put back what it still holds
    WorkerEnd run();

    /// With WorkerOptions::pin: which of the workers of its device this one is, from
    /// 0 on, so that their threads share the hardware queues out. Before run().
    void take_place(unsigned place) noexcept;

    /// Takes all memory that requests may need now, not when they do, and has the
    /// backend load what it keeps in memory; for a process that has locked its
    /// memory (see lock_memory()). Before run().
    std::error_code preload() noexcept;

    /// Makes run() drain and return: what is taken is answered, nothing new is
    /// taken. Returns at once. Callable from any thread and from a signal handler,
    /// any number of times, also before run().
    void stop() noexcept;

    struct Counts {
        std::uint64_t requests = 0; ///< carried out; so are the next ones
        std::uint64_t reads = 0;
        std::uint64_t writes = 0;
        std::uint64_t flushes = 0;
        std::uint64_t discards = 0;
        std::uint64_t write_zeroes = 0;
        std::uint64_t bytes_read = 0;
        std::uint64_t bytes_written = 0;
        std::uint64_t errors = 0;   ///< answered with an error
        std::uint64_t stale = 0;    ///< answers refused: put back meanwhile
        std::uint64_t resets = 0;   ///< times that something was put back
        std::uint64_t put_back = 0; ///< requests put back
    };
    /// What all threads have done so far. From any thread, at any time.
    Counts counts() const noexcept;

private:
    struct Shared;
    std::unique_ptr<Shared> shared_;
};

} // namespace userblk
