// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/extents.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <sys/types.h>
#include <system_error>
#include <vector>

namespace userblk {

/// When the writes of a dead worker to its store have ended, so that its requests may be carried
/// out again. A device is created for a class, and then whoever puts requests back obeys it.
enum class StoreClass : std::uint32_t {
    process, ///< with the process: pwrite, memory, redirected requests
    fenced,  ///< once Store::fence() has succeeded: stores at the other end of a network
    unfenced ///< nobody can tell: a person, or a waiting time, puts its requests back
};

/// "process", "fenced", "unfenced".
const char* store_class_name(StoreClass store_class) noexcept;

/// Properties of a store. They determine the properties of a device created for
/// it. Sizes are in bytes; 0 selects the default.
struct Description {
    /// Size of the store. 0: it has no size of its own and takes the device's.
    std::uint64_t size = 0;
    bool read_only = false;
    bool rotational = false;
    /// A crash of the machine (never of a worker!) may lose acknowledged writes that
    /// were not flushed. Enables calls of flush().
    bool cache = false;
    /// write() honors WriteFlags::fua; without it, a flush follows such a write.
    bool fua = false;
    bool discard = false;
    bool write_zeroes = false;
    std::uint32_t logical_block_size = 0;
    std::uint32_t physical_block_size = 0;
    std::uint32_t io_min = 0;
    std::uint32_t io_opt = 0;
    std::uint32_t discard_granularity = 0;
    /// No operation crosses a multiple of this, a power of two from 4096 to 1 GiB.
    /// A device created with another value does not guarantee it. 0: none.
    std::uint32_t chunk_size = 0;
    /// Only one thread of one worker may serve the store: a flush by one does not cover what
    /// another has written.
    bool one_thread = false;
    /// Workers refuse to serve a device whose class demands less.
    StoreClass store_class = StoreClass::process;
    /// With StoreClass::unfenced: after this time no write of a dead worker can land. 0: no time
    /// is long enough.
    std::chrono::nanoseconds store_wait{0};
};

/// A process that died while it held requests.
struct DeadClient {
    pid_t pid = 0; ///< 0: not visible from here
    /// The ids of these requests. Each delivery of a request has a later generation (see
    /// USERBLK_ID_GENERATION), by which a server can tell old writes from new ones.
    std::vector<std::uint64_t> requests;
};

struct WriteFlags {
    /// The data must be on stable storage before write() returns success.
    bool fua = false;
};

struct ZeroFlags {
    bool fua = false;
    /// The range stays allocated: do not punch a hole.
    bool keep_allocated = false;
};

/// The operation that redirect() maps to files.
struct Operation {
    enum class Kind { read, write, flush, discard, write_zeroes };
    Kind kind = Kind::read;
    std::uint64_t offset = 0; ///< bytes; 0 for a flush, as is the length
    std::uint64_t length = 0;
    bool fua = false;            ///< write and write_zeroes: durable before the answer
    bool keep_allocated = false; ///< write_zeroes: do not punch a hole
};

/// An open file that holds a store; see Store::store_files().
struct StoreFile {
    std::string name;     ///< for messages
    std::string identity; ///< equal for all that open the same file
    int fd = -1;          ///< open for the life of the backend; gets locked. -1: none
    bool read_only = false;
};

/// What backends of all kinds say of their store: Backend, with calls that block, and AsyncBackend,
/// with coroutines.
class Store {
public:
    Store() = default;
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;
    virtual ~Store() = default;

    /// The properties of the store. Cheap; constant over the object's life, except
    /// for a size that was changed from outside.
    virtual Description describe() const = 0;

    /// The files that hold the store. Workers lock a byte far behind any data in each
    /// (F_OFD_SETLK), and refuse to serve if workers of another device hold the lock, so
    /// that no two devices share a store, and no device has two stores, by mistake.
    /// Default: none, and workers refuse nothing.
    virtual std::vector<StoreFile> store_files() const;

    /// Makes sure that no write of a dead worker can land any more: when this has returned
    /// without an error, all that it had sent has landed, or never will; and if the process is
    /// merely stopped and goes on, the store refuses it (a worker that finds itself refused so
    /// exits, rather than answer with an error). Only then are its requests carried
    /// out again. Called for each of the dead, by any worker, maybe more than once, and again
    /// after an error. It may block, because it runs in a thread of its own, while others serve
    /// with the same object. Called only for devices of StoreClass::fenced.
    /// Default: success for a store of StoreClass::process, else not supported.
    virtual std::error_code fence(const DeadClient& dead) const;
};

/// The interface to a store: the class that the author of a driver writes.
///
/// **Ranges** lie within the device and are non-empty multiples of its logical
/// block size.
///
/// **Threads.** Any number of threads may call every function at the same time,
/// and so may any number of worker processes, each with its own copy of the
/// object. Ranges of concurrent calls may overlap: the block layer neither
/// promises nor requires an order between requests in flight. Either of two
/// overlapping writes may win; the backend must keep everything else intact.
/// The serving threads of a pool's processes have no restartable sequences
/// (rseq): see forgo_restartable_sequences().
///
/// **Processes.** A worker may die at any instruction. Acknowledged writes
/// (write() returned success) must survive its death: never keep acknowledged
/// data in memory private to the process, such as a user space cache, a
/// std::vector, or private mappings. A file, a block device, shared memory (see
/// SharedMemory) and another machine are fine. Nor may a write land after the
/// process has died: no I/O that outlives the process (io_uring, AIO) may be in flight.
/// A store that cannot promise that, such as one on another machine, says so in
/// Description::store_class.
///
/// If a backend calls exit(), with any status, its worker dies: the worker's log
/// reports the status, and another worker replaces it.
///
/// If a worker dies after it has carried out a request, the request may be executed
/// again: the same write with the same data. Every call must allow for that.
///
/// **Signals.** A stopping worker carries out the requests it has taken, and its
/// threads get signals meanwhile (SIGTERM; with older modules SIGURG, see Worker::run()).
/// Restartable system calls are restarted. Others, such as poll(2), waits with a timeout, and
/// sleeps, fail with EINTR, and the backend must retry them.
///
/// **Errors** are errno values (std::generic_category, std::errc). The user of the
/// device gets the nearest error that the block layer knows: ENOSPC, EOPNOTSUPP,
/// ETIMEDOUT, ENOMEM and a few more pass through, all others become EIO. A value
/// that is no errno (4096 and more, another category) becomes EIO; a negative errno
/// is read as its absolute value. An exception becomes EIO. The worker logs each
/// error with the operation and its offset. Calls may block.
class Backend : public Store {
public:
    /// Fills all of @p data from @p offset on. A short read is an error.
    virtual std::error_code read(std::uint64_t offset, std::span<std::byte> data) = 0;

    /// Stores all of @p data at @p offset.
    virtual std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                                  WriteFlags flags) = 0;

    /// Makes every write acknowledged so far, by any worker, durable. Called only if
    /// describe().cache. Default: success.
    virtual std::error_code flush();

    /// Drops the content of the range; later reads of it may return anything. A
    /// hint. Default: not supported.
    virtual std::error_code discard(std::uint64_t offset, std::uint64_t length);

    /// Makes the range read as zeros. Default: write() of zeros in bounded pieces.
    virtual std::error_code write_zeroes(std::uint64_t offset, std::uint64_t length,
                                         ZeroFlags flags);

    enum class Access { load, store };
    /// For a store that is memory: the @p length bytes at @p offset in memory of
    /// this process. The kernel then copies the data of a READ (Access::load)
    /// straight from it, and the data of a WRITE (Access::store) straight into it,
    /// instead of read() and write(); flush() follows a durable write.
    ///
    /// The memory must be shared, not private to the process (see above), and
    /// must stay mapped while the object lives. If the span is empty or its memory
    /// turns out not to be accessible, the worker calls read() and write().
    /// Default: empty.
    virtual std::span<std::byte> mapping(std::uint64_t offset, std::size_t length,
                                         Access access) noexcept;

    /// Whether the range reads as zeros alone, like a hole: then the kernel fills in
    /// zeros and the worker does not call read(). Called for every read; must be
    /// cheap. Default: false.
    virtual bool reads_as_zeroes(std::uint64_t offset, std::size_t length) noexcept;

    /// For a store that only decides *where* data lies: names places in files or
    /// block devices. The kernel carries the operation out there itself, without a
    /// copy in this process. Once the kernel has accepted, it continues even if the
    /// process dies. Metadata that the places depend on must be durable enough
    /// before this returns: nothing reports when the operation is done.
    ///
    /// Extents::add_hole() for the whole range means that no file needs to change.
    /// Success with @p to left empty: the worker calls the other functions. It also
    /// calls them where the device or the kernel does not redirect (see
    /// RedirectBackend for a store that has no others). An error is the operation's
    /// error. Called only if redirects(). Default: none.
    virtual std::error_code redirect(const Operation& operation, Extents& to);

    /// Whether to call redirect() for every operation; the worker then does not
    /// fetch the data of a write beforehand. Called once. Default: false.
    virtual bool redirects() const noexcept;

    /// Whether write() reads its data. If not, the worker does not fetch the data,
    /// and write() gets memory with arbitrary content. Called once. Default: true.
    virtual bool wants_data() const noexcept;

    /// For a store that is memory: loads its content into this process, which has
    /// locked its memory, so that it stays resident. Called once, before any other
    /// function, if PoolOptions::lock_memory is set. Default: does nothing.
    virtual std::error_code preload() noexcept;
};

/// The device for which a backend is opened.
struct DeviceContext {
    std::uint32_t number = 0;  ///< N of /dev/userblkN
    std::uint64_t diskseq = 0; ///< unique among all disks since boot
    std::uint64_t size = 0;    ///< bytes
    bool read_only = false;    ///< there will be no writes
};

/// Opens a backend. Runs in each worker process, after fork, so that each worker has
/// its own file descriptors and shares nothing by accident.
///
/// To share on purpose, return an object created before the fork: each worker then has
/// a copy of it, in which only memory mapped MAP_SHARED is common.
///
/// @throws std::exception whose text names what could not be opened, and why
using BackendFactory = std::function<std::shared_ptr<Backend>(const DeviceContext&)>;

} // namespace userblk
