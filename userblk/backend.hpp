// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/extents.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace userblk {

/// What a store is and offers. It decides the properties of a device that is
/// created for it. Sizes are in bytes; 0 leaves a value to its default.
struct Description {
    /// Of the store. 0: it has none of its own and takes on the device's.
    std::uint64_t size = 0;
    bool read_only = false;
    bool rotational = false;
    /// An acknowledged write may be lost in a crash of the machine (never of a
    /// worker!) until a flush: then flush() is called.
    bool cache = false;
    /// write() obeys WriteFlags::fua; without it a flush follows such a write.
    bool fua = false;
    bool discard = false;
    bool write_zeroes = false;
    std::uint32_t logical_block_size = 0;
    std::uint32_t physical_block_size = 0;
    std::uint32_t io_min = 0;
    std::uint32_t io_opt = 0;
    std::uint32_t discard_granularity = 0;
    /// No operation crosses a multiple of this, a power of two from 4096 to 1 GiB.
    /// A device that was made otherwise need not keep to it. 0: none.
    std::uint32_t chunk_size = 0;
};

struct WriteFlags {
    /// The data must be on stable storage before write() returns success.
    bool fua = false;
};

struct ZeroFlags {
    bool fua = false;
    /// The range must stay allocated: no hole may be punched.
    bool keep_allocated = false;
};

/// What is asked of redirect().
struct Operation {
    enum class Kind { read, write, flush, discard, write_zeroes };
    Kind kind = Kind::read;
    std::uint64_t offset = 0; ///< bytes; 0 for a flush, as is the length
    std::uint64_t length = 0;
    bool fua = false;            ///< write and write_zeroes: durable before it is answered
    bool keep_allocated = false; ///< write_zeroes: no hole may be punched
};

/// An open file that a store lies in; see Backend::store_files().
struct StoreFile {
    std::string name;     ///< for people
    std::string identity; ///< the same for everybody who opens the same one
    int fd = -1;          ///< open as long as the backend is; it is locked. -1: there is none
    bool read_only = false;
};

/// A store: what the author of a driver writes.
///
/// **Ranges** lie within the device and are multiples of its logical block
/// size; a range is never empty.
///
/// **Threads.** Every function may be called by any number of threads at the
/// same time, and by any number of worker processes, each with its own copy of
/// the object. Concurrent calls may be about overlapping ranges: the block layer
/// promises no order between requests in flight and asks for none. Which of two
/// overlapping writes wins is open; that nothing else breaks is the backend's
/// duty. In the processes of a pool the threads that serve have no restartable
/// sequences (rseq): see forgo_restartable_sequences().
///
/// **Processes.** A worker may die at any instruction. A write that was
/// acknowledged (write() returned success) must survive that: acknowledged data
/// must never be kept in memory that belongs to the process alone, such as a
/// user space cache, a std::vector, or private mappings. A file, a block device,
/// shared memory (see SharedMemory) and another machine are all right. Nor may a
/// write land after the process has died: no I/O that outlives it (io_uring,
/// AIO) may be in flight once write() has returned.
///
/// Code of a backend that calls exit(), with whatever status, makes its worker die like
/// that: the log tells the status, and another worker takes its place.
///
/// A request may be executed twice when a worker died after it had carried it
/// out: the same write with the same data. Every call must allow for that.
///
/// **Signals.** A worker that is to stop carries out what it has taken, and its
/// threads get signals meanwhile (SIGTERM; SIGURG, see WaitMode::serve). Calls that
/// can be restarted are; those that never are, such as poll(2), waits with a
/// timeout, and sleeps, end with EINTR, and the backend goes on with them.
///
/// **Errors** are errno values (std::generic_category, std::errc); the user of
/// the device gets the nearest thing that the block layer knows: ENOSPC,
/// EOPNOTSUPP, ETIMEDOUT, ENOMEM and a few more arrive as such, all else as EIO.
/// What is no errno (4096 and more, another category) is answered as EIO, a negative
/// errno as what it means. An exception is caught at the edge and becomes EIO. The
/// worker's log names each, with the operation and its place. Calls may block.
class Backend {
public:
    Backend() = default;
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;
    virtual ~Backend() = default;

    /// What the store is and offers. Cheap, constant over the object's life
    /// but for a size that was changed from outside.
    virtual Description describe() const = 0;

    /// Fills all of @p data from @p offset on. Never a part: what cannot be read
    /// in full is an error.
    virtual std::error_code read(std::uint64_t offset, std::span<std::byte> data) = 0;

    /// Stores all of @p data at @p offset.
    virtual std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                                  WriteFlags flags) = 0;

    /// Brings every write that was acknowledged before, by whatever worker, to
    /// stable storage. Only called if describe().cache. Default: success.
    virtual std::error_code flush();

    /// The range's content is not needed any more; what a later read of it
    /// returns is open. A hint. Default: not supported.
    virtual std::error_code discard(std::uint64_t offset, std::uint64_t length);

    /// The range reads as zeros afterwards. Default: write() of zeros in bounded
    /// pieces.
    virtual std::error_code write_zeroes(std::uint64_t offset, std::uint64_t length,
                                         ZeroFlags flags);

    enum class Access { load, store };
    /// For a store that is memory: the @p length bytes at @p offset in memory of
    /// this process. The kernel then copies the data of a READ (Access::load)
    /// straight out of it, and that of a WRITE (Access::store) straight into it,
    /// in place of read() and write(); for a durable write flush() follows.
    ///
    /// The memory must be shared, not private to the process (see above), and
    /// must stay mapped while the object lives. Empty: not as memory, use read()
    /// and write(); these are also used when the memory turns out not to be
    /// accessible. Default: empty.
    virtual std::span<std::byte> mapping(std::uint64_t offset, std::size_t length,
                                         Access access) noexcept;

    /// Whether a read of this range gives nothing but zeros, as that of a hole
    /// does: then the kernel fills it, and read() is not called. Cheap; asked
    /// for every read. Default: false.
    virtual bool reads_as_zeroes(std::uint64_t offset, std::size_t length) noexcept;

    /// For a store that only decides *where* data lies: names the places in files
    /// or block devices, and the kernel carries the operation out there itself,
    /// with no copy in this process; once it has accepted, it goes on even if the
    /// process dies. What the places are for must have been made durable enough
    /// before this returns: nothing tells when the operation is done.
    ///
    /// Extents::add_hole() for all of it says that nothing remains to be done to
    /// any file. Success with @p to left empty: use the other functions.
    /// These are also used where the device or the kernel does not redirect
    /// (see RedirectBackend for a store that has no others). An error is the
    /// operation's. Only called if redirects(). Default: none.
    virtual std::error_code redirect(const Operation& operation, Extents& to);

    /// Whether redirect() is to be asked, for every operation; the data of a
    /// write is then not brought along beforehand. Asked once. Default: false.
    virtual bool redirects() const noexcept;

    /// Whether write() ever looks at the data. If not, it is not brought along,
    /// and what write() gets is memory with any content. Asked once. Default: true.
    virtual bool wants_data() const noexcept;

    /// For a store that is memory: loads what it holds into this process, which has
    /// locked its memory, so that it stays. Called once, before anything else is,
    /// where that is wanted (see PoolOptions::lock_memory). Default: nothing.
    virtual std::error_code preload() noexcept;

    /// The files that the store lies in, so that no other device gets them and its device
    /// no other store by mistake: workers lock a byte far behind any data in each
    /// (F_OFD_SETLK), and refuse to serve where another device's workers have. Default:
    /// none, and nothing is refused.
    virtual std::vector<StoreFile> store_files() const;
};

/// The device that a backend is opened for.
struct DeviceContext {
    std::uint32_t number = 0;  ///< N of /dev/userblkN
    std::uint64_t diskseq = 0; ///< unique among all disks since boot
    std::uint64_t size = 0;    ///< bytes
    bool read_only = false;    ///< nothing will be written
};

/// Opens a backend. Called in each worker process, after fork, so that file
/// descriptors and the like are its own and nothing is shared by accident.
///
/// To share on purpose, let it return an object that was made before the workers
/// were: fork then gives each worker a copy of it, in which only memory that is
/// mapped MAP_SHARED is common.
///
/// @throws std::exception whose text names what could not be opened, and why
using BackendFactory = std::function<std::shared_ptr<Backend>(const DeviceContext&)>;

} // namespace userblk
