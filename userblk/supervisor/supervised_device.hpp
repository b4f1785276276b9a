// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "userblk/backend.hpp"
#include "userblk/supervisor/status_report.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>

namespace userblk {

/// Internal: the device as its supervisor needs it: whether it still exists, which store it is
/// reserved for, and the requests that dead workers held.
class SupervisedDevice {
public:
    SupervisedDevice(std::uint32_t number, const StatusReport& report)
        : number_(number), report_(report) {}

    /// @throws std::system_error if there is no such device, or no permission for it
    void open();
    void close() noexcept { node_.reset(); }

    std::uint32_t number() const noexcept { return number_; }
    /// Tells this device from others that have its number at other times; known once it is open.
    std::uint64_t diskseq() const noexcept { return diskseq_; }

    /// For poll(2); -1: the removal has been handled.
    int fd() const noexcept { return removal_handled_ ? -1 : node_->fd(); }
    /// The events to wait for there, besides the removal.
    short events() const noexcept;
    /// Asks the kernel: the exit status of a worker proves nothing, because a backend can exit with
    /// any.
    bool is_removed() const noexcept;
    /// fd() reports nothing more.
    void set_removal_handled() noexcept { removal_handled_ = true; }
    /// Makes the disk appear with its size, as it does when a worker first asks for requests.
    void appear() const noexcept;

    /// Puts back the requests of dead processes. Safe at any time; most often a living worker
    /// has done it already. Where a fence or a waiting time must come first, it does nothing: only
    /// workers have the store open, and do it as soon as one serves.
    void put_back_requests_of_dead() const noexcept;
    /// ", holding …", see describe_held_requests().
    std::string describe_held_requests(pid_t pid) const noexcept;
    /// Warns of a request that seems to kill each worker that takes it.
    void warn_of_deadly_request() noexcept;

    /// Reserves the device for the store while no worker lives; see hold_node().
    void reserve_for_store(const std::string& identity, bool share) const noexcept;
    void release_store() const noexcept;

private:
    std::uint32_t number_;
    const StatusReport& report_;
    std::optional<abi::ControlNode> node_;
    std::uint64_t diskseq_ = 0;
    StoreClass store_class_ = StoreClass::process;
    bool removal_handled_ = false;
    std::string last_deadly_request_; ///< the last one logged
};

} // namespace userblk
