// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backend.hpp"
#include "userblk/backends/file_backend.hpp"
#include "userblk/log.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace userblk {

/// What stands on a command line for a store:
///
///     mem:            memory that belongs to the device and goes with it
///     mem:NAME        memory under a name of its own, which stays
///     file:PATH       a file or a block device
///     null:           reads as zeros, forgets what is written
///
/// with decorators before it, each followed by a comma:
///
///     log,            logs every call
///     delay=TIME,     each call takes at least that much longer
///     readonly,       refuses to write
///     errors=N,       every Nth call fails with EIO
///
/// for example "log,delay=10ms,file:/srv/disk.img".
class BackendSpec {
public:
    enum class Kind { memory, file, null };

    /// @throws std::invalid_argument whose text names what was wrong and what
    ///         would be right
    static BackendSpec parse(std::string_view text);

    Kind kind() const noexcept { return kind_; }
    /// PATH or NAME; empty if there is none.
    const std::string& argument() const noexcept { return argument_; }
    /// As it was given.
    const std::string& text() const noexcept { return text_; }

    /// The data of a file shall not pass through the worker, but be moved by the
    /// kernel; @p data_path says how.
    /// @throws std::invalid_argument if it is no file, or something stands before
    ///         it that has to see the data
    void set_data_path(FileBackend::DataPath data_path);

    /// The store is open as @p fd and is opened again by that, whatever has its path or name by
    /// now. The descriptor must stay open as long as stores are; -1: by path or name.
    void set_open_file(int fd) noexcept { open_file_ = fd; }
    /// Where it is opened for a device: a path; empty: nowhere.
    std::string path(const DeviceContext& device) const;

    /// What a device for this store would be, without a device; for creating
    /// one. @p size is what the caller asked for, in bytes, 0: what the store has.
    /// A file is opened and closed again; memory is not made yet.
    /// @throws std::invalid_argument if the size is missing, or more than the file
    ///         has; std::system_error if the file cannot be opened
    Description describe(std::uint64_t size, bool read_only = false) const;

    /// Opens the store for a device, to be called in the process that serves it.
    /// @p log is where "log," writes; empty: standard error.
    /// @throws std::system_error, std::invalid_argument with a text for people
    std::shared_ptr<Backend> open(const DeviceContext& device, const LogFunction& log = {}) const;

    /// open() as a factory; it holds a copy of this object.
    BackendFactory factory(LogFunction log = {}) const;

private:
    struct Log {};
    struct ReadOnly {};
    struct Delay {
        std::chrono::nanoseconds time{0};
    };
    struct Errors {
        std::uint64_t interval = 0;
    };
    using Decoration = std::variant<Log, ReadOnly, Delay, Errors>;

    BackendSpec() = default;
    static Decoration parse_decoration(std::string_view spec, std::string_view text);
    bool read_only() const noexcept;
    std::string segment(const DeviceContext& device) const;
    std::shared_ptr<Backend> open_store(const DeviceContext& device) const;

    Kind kind_ = Kind::null;
    FileBackend::DataPath data_path_ = FileBackend::DataPath::copy;
    int open_file_ = -1;
    std::string argument_;
    std::string text_;
    std::vector<Decoration> decorations_; ///< the outermost first
};

} // namespace userblk
