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

/// What a control node has to say; see ControlNode::poll.
struct NodeEvents {
    bool requests = false; ///< requests wait to be taken
    bool orphans = false;  ///< a dead process holds requests: a RESET is due
    bool removed = false;  ///< the device is gone
};

/// The poll(2) events to wait for on a control node's descriptor.
short node_poll_events() noexcept;
/// What poll(2) answered for a control node, in words.
NodeEvents node_events(short revents) noexcept;

/// /dev/userblkcN: the door to one device's queue of requests.
///
/// Any number of objects, in any number of processes and threads, may be open
/// on one node; one object may be used by several threads. After the device's
/// removal every call reports ENODEV, also when the number was given away
/// again.
class ControlNode {
public:
    /// Opens /dev/userblkcN for reading and writing.
    /// @throws std::system_error "unable to open /dev/userblkcN"; WrongNode if
    ///         something else lies there
    explicit ControlNode(std::uint32_t number);
    /// Takes over a descriptor that is open on the control node of device
    /// @p number.
    ControlNode(FileDescriptor fd, std::uint32_t number) noexcept;

    /// For poll(2) together with other descriptors; owned by this object.
    int fd() const noexcept { return fd_.get(); }
    std::uint32_t number() const noexcept { return number_; }

    /// @name The I/O path: nothing is thrown, nothing allocated.
    /// The structures are the kernel's own, see userblk_ioctl.h; the caller
    /// fills them in and owns the arrays that they point to.
    /// @{
    /// Takes requests; waits as get.timeout_ns says.
    std::error_code get(userblk_get& get) const noexcept;
    /// Answers requests; each record has its own result. Does not wait.
    std::error_code put(userblk_put& put) const noexcept;
    /// Answers requests, then takes new ones, in one system call.
    std::error_code serve(userblk_serve& serve) const noexcept;
    /// Puts taken requests back; reset.count tells how many. Does not wait.
    std::error_code reset(userblk_reset& reset) const noexcept;
    /// Waits until the node has something to say; nothing: no limit. A signal
    /// or the end of the time gives an event with nothing set and no error.
    std::error_code poll(NodeEvents& events,
                         std::optional<std::chrono::milliseconds> limit) const noexcept;
    /// @}

    /// @name Putting taken requests back into the queue
    /// Each returns how many were put back, 0 included, and does not wait.
    /// Only reset_dead is safe at any time; before the others make sure that
    /// the takers do not write to their own store any more.
    /// @throws std::system_error "unable to reset userblkN"
    /// @{
    std::uint32_t reset_dead() const;
    std::uint32_t reset_pid(pid_t pid) const;
    std::uint32_t reset_older(std::chrono::nanoseconds age) const;
    std::uint32_t reset_id(std::uint64_t id) const;
    std::uint32_t reset_all() const;
    /// @}

    struct Info {
        userblk_info device{};            ///< configuration, counts, times
        std::vector<userblk_taken> taken; ///< who holds what, at most as many as asked for
    };
    /// How the device is doing, with up to @p max_taken of the requests that
    /// somebody holds. Changes nothing, does not wait.
    /// @throws std::system_error "unable to get information about userblkN"
    Info info(std::size_t max_taken = 0) const;

    /// Changes the device's size to @p size bytes, seen at once.
    /// @throws std::system_error "unable to resize userblkN"
    void resize(std::uint64_t size) const;

private:
    std::error_code control(unsigned long command, void* argument) const noexcept;
    std::uint32_t reset_or_throw(userblk_reset reset) const;

    FileDescriptor fd_;
    std::uint32_t number_;
};

} // namespace userblk::abi
