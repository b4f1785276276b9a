// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "ioctl/userblk_ioctl.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sys/types.h>
#include <system_error>
#include <vector>

namespace userblk::abi {

/// Events on a control node; see ControlNode::poll.
struct NodeEvents {
    bool requests = false; ///< requests are queued
    bool orphans = false;  ///< a dead process holds requests: a RESET is due
    bool removed = false;  ///< the device was removed
};

/// The poll(2) events to wait for on a control node's descriptor.
short node_poll_events() noexcept;
/// Decodes the events that poll(2) returned for a control node.
NodeEvents node_events(short revents) noexcept;

/// /dev/userblkcN: access to the queue of requests of one device.
///
/// Any number of objects, in any number of processes and threads, may be open
/// on one node. An object is thread-safe. Once the device is removed, every call
/// fails with ENODEV, even after the number is reused.
class ControlNode {
public:
    /// Opens /dev/userblkcN for reading and writing.
    /// @throws std::system_error "unable to open /dev/userblkcN"; WrongNode if
    ///         the path is something else
    explicit ControlNode(std::uint32_t number);
    /// Takes ownership of @p fd, open on the control node of device @p number.
    ControlNode(FileDescriptor fd, std::uint32_t number) noexcept;

    /// For poll(2) together with other descriptors; owned by this object.
    int fd() const noexcept { return fd_.get(); }
    std::uint32_t number() const noexcept { return number_; }

    /// @name The I/O path: no exceptions, no allocations.
    /// The structures are those of userblk_ioctl.h. The caller fills them in and
    /// owns the arrays they point to.
    /// @{
    /// Takes requests; waits up to get.timeout_ns.
    std::error_code get(userblk_get& get) const noexcept;
    /// Answers requests; each record has its own result. Does not wait.
    std::error_code put(userblk_put& put) const noexcept;
    /// Answers requests, then takes new ones, in one system call.
    std::error_code serve(userblk_serve& serve) const noexcept;
    /// Puts taken requests back; reset.count returns how many. Does not wait.
    std::error_code reset(userblk_reset& reset) const noexcept;
    /// Ends @p waits inside get() and serve() of this object; if fewer are in progress, the next
    /// ones end as they begin. Those return no request and USERBLK_GET_WOKEN. all_waits: every
    /// wait from now on; 0: takes back what no wait has used. Callable from signal handlers.
    /// Requires USERBLK_FEATURE_WAKE (else ENOTTY).
    std::error_code wake(std::uint32_t waits = 1) const noexcept;
    static constexpr std::uint32_t all_waits = USERBLK_WAKE_ALL;
    /// Waits for an event, up to @p limit; nothing: no limit. A signal or a
    /// timeout returns no events and no error.
    std::error_code poll(NodeEvents& events,
                         std::optional<std::chrono::milliseconds> limit) const noexcept;
    /// @}

    /// @name Putting taken requests back into the queue
    /// Each returns how many were put back, 0 included, and does not wait.
    /// Only reset_dead is safe at any time; before using the others, make sure
    /// that the takers no longer write to their store. @p flags: USERBLK_RESET_FENCED,
    /// USERBLK_RESET_FORCED; see there.
    /// @throws std::system_error "unable to reset userblkN"; EOWNERDEAD: the device's store
    ///         class forbids it without these flags
    /// @{
    std::uint32_t reset_dead(std::uint32_t flags = 0) const;
    std::uint32_t reset_pid(pid_t pid, std::uint32_t flags = 0) const;
    std::uint32_t reset_older(std::chrono::nanoseconds age, std::uint32_t flags = 0) const;
    std::uint32_t reset_id(std::uint64_t id, std::uint32_t flags = 0) const;
    std::uint32_t reset_all(std::uint32_t flags = 0) const;
    /// @}

    struct Info {
        userblk_info device{};            ///< configuration, counts, times
        std::vector<userblk_taken> taken; ///< taken requests, at most max_taken
    };
    /// The state of the device, with up to @p max_taken taken requests. Changes
    /// nothing, does not wait.
    /// @throws std::system_error "unable to get information about userblkN"
    Info info(std::size_t max_taken = 0) const;

    /// Changes the device's size to @p size bytes, at once.
    /// @throws std::system_error "unable to resize userblkN"
    void resize(std::uint64_t size) const;

private:
    std::error_code control(unsigned long command, void* argument) const noexcept;
    std::uint32_t reset_or_throw(userblk_reset reset, std::uint32_t flags) const;

    FileDescriptor fd_;
    std::uint32_t number_;
};

} // namespace userblk::abi
