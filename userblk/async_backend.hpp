// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backend.hpp"
#include "userblk/event_loop.hpp"
#include "userblk/slot.hpp"
#include "userblk/task.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <system_error>
#include <variant>

namespace userblk {

/// The interface to a store whose operations take time but no processor: another machine, a
/// library with callbacks. One thread has many of them in flight, and they end in any order. The
/// author of a driver writes them as coroutines that read like the functions of Backend:
///
///     Task<> read(Slot&, std::uint64_t offset, std::span<std::byte> data) override {
///         Completion done(loop());
///         library_read(handle_, offset, data, &done); // another thread calls complete()
///         co_return co_await done;
///     }
///
/// What Backend says of ranges, processes and errors holds here too. So do these:
///
/// **Threads.** Each serving thread has an object of its own, which no other thread calls but for
/// fence(), and a loop. Nothing may block: the thread has other operations in flight. Only the
/// constructor and the destructor may, and describe() has its answer from then on.
///
/// **Data.** @p data of a read or write stays valid until the operation has ended, even if the
/// request was put back meanwhile: so an operation must not end before the library beneath has
/// done with the memory.
///
/// **Processes.** Whatever a worker has sent may still arrive when it is dead: see
/// Description::store_class and fence(), and docs/recovery.md.
///
/// **Ending.** A stopping worker takes nothing new and waits until all operations have ended. An
/// exception becomes EIO.
class AsyncBackend : public Store {
public:
    explicit AsyncBackend(EventLoop& loop) noexcept : loop_(loop) {}

    /// Fills all of @p data from @p offset on.
    virtual Task<> read(Slot& slot, std::uint64_t offset, std::span<std::byte> data) = 0;

    /// Stores all of @p data at @p offset.
    virtual Task<> write(Slot& slot, std::uint64_t offset, std::span<const std::byte> data,
                         WriteFlags flags) = 0;

    /// Makes every write acknowledged so far, by any worker, durable. Called only if
    /// describe().cache. Default: success.
    virtual Task<> flush(Slot& slot);

    /// Drops the content of the range. Default: not supported.
    virtual Task<> discard(Slot& slot, std::uint64_t offset, std::uint64_t length);

    /// Makes the range read as zeros. Default: write() of zeros in bounded pieces.
    virtual Task<> write_zeroes(Slot& slot, std::uint64_t offset, std::uint64_t length,
                                ZeroFlags flags);

    /// The device is gone, and with it all who wait for the operations in flight: ends them soon,
    /// with any result. A store that may take long to answer overrides it. Default: does nothing.
    virtual void device_removed() noexcept;

protected:
    EventLoop& loop() const noexcept { return loop_; }

private:
    EventLoop& loop_;
};

/// Opens a backend for one serving thread. Runs in the worker process, before its threads start,
/// once for each of them; and in the supervisor, to look at describe() and store_files() alone.
///
/// @throws std::exception whose text names what could not be opened, and why
using AsyncBackendFactory =
    std::function<std::unique_ptr<AsyncBackend>(const DeviceContext&, EventLoop&)>;

/// A factory of either kind. A lambda converts to it.
using StoreFactory = std::variant<BackendFactory, AsyncBackendFactory>;

/// Opens a store to look at it, not to serve it.
/// @throws the exceptions of the factory
std::shared_ptr<Store> open_store(const StoreFactory& make, const DeviceContext& device);

} // namespace userblk
