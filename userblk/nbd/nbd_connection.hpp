// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/event_loop.hpp"
#include "userblk/nbd/nbd_library.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>

namespace userblk {

/// Internal: what a server says of an export.
struct NbdExport {
    std::uint64_t size = 0;
    bool read_only = false;
    bool rotational = false;
    bool flush = false;
    bool fua = false;
    bool trim = false;
    bool zero = false;
    bool several_connections = false; ///< a flush of one covers the writes of all
    std::uint64_t least_block = 1;
    std::uint64_t preferred_block = 0; ///< 0: unknown
    std::uint64_t most_bytes = 0;      ///< of one command with data
};

/// Internal: a command in flight; lies in the frame of the coroutine that awaits done.
struct NbdCommand {
    explicit NbdCommand(EventLoop& loop) noexcept : done(loop) {}

    Completion done;
    bool called = false;
};

/// Internal: a connection to an NBD server, from its beginning to its loss. First it is connecting:
/// whoever made it waits for fd() and events(), and calls notify(), until is_connecting() is false.
/// Then attach() lets a loop drive it. All for one thread.
class NbdConnection {
public:
    /// Begins to connect.
    /// @throws std::runtime_error with libnbd's words
    explicit NbdConnection(const std::string& uri);
    /// All commands in flight end with ENOTCONN.
    ~NbdConnection();
    NbdConnection(const NbdConnection&) = delete;
    NbdConnection& operator=(const NbdConnection&) = delete;

    bool is_connecting() const;
    int fd() const;
    short events() const;
    /// @throws std::runtime_error if the connection is lost
    void notify(short ready);

    /// Once it is not connecting. @throws std::runtime_error
    NbdExport about() const;

    /// Calls @p lost at most once, which may destroy the object. @p loop must outlive it.
    void attach(EventLoop& loop, std::function<void(const std::string& why)> lost);

    /// @name Commands
    /// Each begins one, or returns an error and does not touch @p command any more: ENOTCONN if
    /// the connection is lost. Errors of @p command itself are the server's; ENOTCONN if the
    /// connection was lost meanwhile.
    /// @{
    std::error_code read(NbdCommand& command, std::uint64_t offset, std::span<std::byte> data);
    std::error_code write(NbdCommand& command, std::uint64_t offset,
                          std::span<const std::byte> data, bool fua);
    std::error_code flush(NbdCommand& command);
    std::error_code trim(NbdCommand& command, std::uint64_t offset, std::uint64_t length);
    std::error_code zero(NbdCommand& command, std::uint64_t offset, std::uint64_t length, bool fua,
                         bool keep_allocated);
    /// @}

private:
    class Link;
    struct Close {
        void operator()(nbd_handle* handle) const noexcept { NbdLibrary::get().close(handle); }
    };

    std::error_code begun(std::int64_t cookie, const NbdCommand& command) noexcept;
    bool is_lost() const noexcept;
    void watch() noexcept;
    std::string reason() const;

    const NbdLibrary& nbd_;
    std::unique_ptr<nbd_handle, Close> handle_;
    std::unique_ptr<Link> link_; ///< none while it is connecting
};

} // namespace userblk
