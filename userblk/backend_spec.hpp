// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/async_backend.hpp"
#include "userblk/backend.hpp"
#include "userblk/backends/file_backend.hpp"
#include "userblk/backends/nbd_store.hpp"
#include "userblk/log.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace userblk {

/// A store as written on a command line:
///
///     mem:            memory that belongs to the device and is removed with it
///     mem:NAME        memory under a name of its own, which stays
///     file:PATH       a file or a block device
///     null:           reads as zeros, drops writes
///     nbd://HOST/…    the URI of an NBD server, see open_nbd()
///
/// optionally preceded by decorators, each followed by a comma:
///
///     log,            logs every call
///     delay=TIME,     delays each call by at least TIME
///     readonly,       refuses writes
///     errors=N,       every Nth call fails with EIO
///     fence=wait:TIME,  with nbd: how long a write may land late, see NbdOptions::fence;
///     fence=none,       it does not
///
/// for example "log,delay=10ms,file:/srv/disk.img".
class BackendSpec {
public:
    enum class Kind { memory, file, null, nbd };

    /// @throws std::invalid_argument whose text quotes the invalid part and lists
    ///         the valid forms
    static BackendSpec parse(std::string_view text);

    Kind kind() const noexcept { return kind_; }
    /// Whether the store has a size of its own.
    bool has_size() const noexcept { return kind_ == Kind::file || kind_ == Kind::nbd; }
    /// Whether it is an AsyncBackend that serves it.
    bool is_async() const noexcept { return kind_ == Kind::nbd; }
    /// PATH, NAME or URI; empty if there is none.
    const std::string& argument() const noexcept { return argument_; }
    /// The text passed to parse().
    const std::string& text() const noexcept { return text_; }

    /// Sets how the data of a file moves: through the worker, or by the kernel alone.
    /// @throws std::invalid_argument if the store is not a file, or if a decorator in
    ///         front of it needs to see the data
    void set_data_path(FileBackend::DataPath data_path);

    /// Sets how long requests wait while the store is not reachable; by default without limit.
    /// @throws std::invalid_argument if the store is not on another machine
    void set_retry(std::chrono::nanoseconds retry);

    /// Reopens the store from @p fd, even if its path or name now leads elsewhere. The
    /// descriptor must stay open as long as stores are; -1: open it by path or name.
    void set_open_file(int fd) noexcept { open_file_ = fd; }
    /// The path of the store of a device; empty: it has none.
    std::string path(const DeviceContext& device) const;

    /// The properties of the store, to create a device for it. @p size is the requested
    /// size in bytes; 0: the size of the store. Opens a file and closes it again; does not
    /// create memory.
    /// @throws std::invalid_argument if the size is missing, or larger than the file;
    ///         std::system_error if the file cannot be opened
    Description describe(std::uint64_t size, bool read_only = false) const;

    /// Opens the store for a device; call it in the process that serves the device.
    /// "log," writes to @p log; empty: standard error.
    /// @throws std::system_error, std::invalid_argument with a text for the user; also if
    ///         is_async()
    std::shared_ptr<Backend> open(const DeviceContext& device, const LogFunction& log = {}) const;
    /// The same if is_async(), for one thread.
    std::unique_ptr<AsyncBackend> open(const DeviceContext& device, EventLoop& loop,
                                       const LogFunction& log = {}) const;

    /// open() as a factory, for a store that is not is_async(); it holds a copy of this object.
    BackendFactory factory(LogFunction log = {}) const;
    /// The same for any store.
    StoreFactory store_factory(LogFunction log = {}) const;

private:
    struct Log {};
    struct ReadOnly {};
    struct Delay {
        std::chrono::nanoseconds time{0};
    };
    struct Errors {
        std::uint64_t interval = 0;
        /// Of all threads, if each has a backend of its own.
        std::shared_ptr<std::atomic<std::uint64_t>> calls{};
    };
    using Decoration = std::variant<Log, ReadOnly, Delay, Errors>;

    BackendSpec() = default;
    static std::chrono::nanoseconds parse_fence(std::string_view spec, std::string_view text);
    NbdOptions nbd_options(const LogFunction& log) const;
    static Decoration parse_decoration(std::string_view spec, std::string_view text);
    bool read_only() const noexcept;
    std::string segment(const DeviceContext& device) const;
    std::shared_ptr<Backend> open_store(const DeviceContext& device) const;

    Kind kind_ = Kind::null;
    FileBackend::DataPath data_path_ = FileBackend::DataPath::copy;
    int open_file_ = -1;
    std::chrono::nanoseconds retry_ = std::chrono::nanoseconds::max();
    std::optional<std::chrono::nanoseconds> fence_; ///< see NbdOptions::fence
    std::string argument_;
    std::string text_;
    std::vector<Decoration> decorations_; ///< the outermost first
};

} // namespace userblk
