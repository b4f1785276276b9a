// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "ioctl/lookup.hpp"
#include "userblk/backend.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace userblk {

/// Configuration of a device to create. Sizes are in bytes; 0 selects the kernel's
/// default. The defaults suit any store; for_backend() matches one store.
struct DeviceConfig {
    std::uint64_t size = 0;              ///< a multiple of the logical block size; required
    std::string name;                    ///< optional; unique, letters, digits and "._+:-"
    std::optional<std::uint32_t> number; ///< nothing: the lowest free one

    std::uint32_t queues = 0;       ///< hardware queues; default 1
    std::uint32_t depth = 0;        ///< requests in flight per queue; default 128
    std::uint32_t max_transfer = 0; ///< of one request; default 512 KiB
    std::uint32_t chunk_size = 0;   ///< no request crosses a multiple of it

    std::uint32_t logical_block_size = 0;  ///< default 512
    std::uint32_t physical_block_size = 0; ///< default 4096
    std::uint32_t io_min = 0;
    std::uint32_t io_opt = 0;
    std::uint32_t discard_granularity = 0;

    bool read_only = false;
    bool rotational = false;
    bool cache = true; ///< volatile: FLUSH requests are sent
    bool fua = true;   ///< FUA is sent; only together with cache
    bool discard = true;
    bool write_zeroes = true;
    bool stable_writes = false;
    bool partitions = true; ///< read the partition table; off for untrusted images
    /// Whether workers may redirect requests to files; nothing: only if root alone may
    /// open the control node.
    std::optional<bool> redirect;

    std::chrono::nanoseconds queue_limit{0}; ///< requests queued longer fail; 0: no limit
    std::uint32_t delivery_limit = 0;        ///< deliveries before a request fails; 0: no limit

    StoreClass store_class = StoreClass::process; ///< of all stores it will be served from
    std::chrono::nanoseconds store_wait{0};       ///< see Description::store_wait

    uid_t owner = 0; ///< of the control node
    gid_t group = 0;
    mode_t mode = 0; ///< of the control node; 0: 0600

    /// A device with the features, size and block sizes of the backend.
    static DeviceConfig for_backend(const Description& backend);
};

/// A handle to one device, served or not. Destroying the object leaves the device
/// unchanged.
class Device {
public:
    /// Creates a device. Until a worker asks for requests, it has size 0 for its
    /// users, and I/O to it fails. Requires CAP_SYS_ADMIN. Never waits for a worker.
    /// @throws abi::ModuleNotLoaded; std::system_error "unable to create a device";
    ///         std::invalid_argument for an invalid value; abi::WrongNode if the path
    ///         of one of its nodes is something else. Then there is no device.
    static Device create(const DeviceConfig& config);

    /// @param dev a number, userblkN, /dev/userblkN, /dev/userblkcN, or a name
    /// @throws abi::NoSuchDevice; std::system_error for lack of permission
    static Device open(std::string_view dev);

    /// Removes a device and the memory that belongs to it (mem:). Requires
    /// CAP_SYS_ADMIN. @p force also removes a device in use: its waiting requests
    /// fail. Ends even if workers are stuck.
    /// @throws std::system_error "unable to remove userblkN"
    static void remove(std::uint32_t number, bool force = false);
    /// The same, only if the device has this diskseq; otherwise the number was
    /// reused, and the call fails with "no such device".
    static void remove(std::uint32_t number, bool force, std::uint64_t diskseq);

    explicit Device(abi::ControlNode node) noexcept : node_(std::move(node)) {}

    std::uint32_t number() const noexcept { return node_.number(); }
    std::string block_path() const { return abi::block_path(number()); }
    std::string control_path() const { return abi::control_path(number()); }

    /// The control node: information, resets, resizing.
    const abi::ControlNode& node() const noexcept { return node_; }

    /// The context for a backend that serves this device.
    /// @throws std::system_error if it was removed
    DeviceContext context() const { return context_of(node_); }
    /// The same, from an open control node.
    static DeviceContext context_of(const abi::ControlNode& node);

    /// Waits until the block device has its size and answers a read of its first
    /// block, up to @p limit (userblk::infinity: no limit). Returns false on timeout.
    /// A child process does the read. It stays behind, blocked, if nobody serves the
    /// device: a read in the kernel cannot be cancelled.
    /// @throws std::system_error if the read failed, or the node cannot be opened;
    ///         abi::WrongNode if its path is something else
    bool wait_ready(std::chrono::nanoseconds limit) const;

private:
    abi::ControlNode node_;
};

} // namespace userblk
