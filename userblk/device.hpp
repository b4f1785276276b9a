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

/// What a device is to be. Sizes in bytes; 0 leaves a value to the kernel's
/// default. As it is, it suits any store; for_backend() fits it to one.
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
    /// Whether workers may redirect requests to files; nothing: if root alone may
    /// open the control node.
    std::optional<bool> redirect;

    std::chrono::nanoseconds queue_limit{0}; ///< a request fails that waits longer; 0: never
    std::uint32_t delivery_limit = 0;        ///< deliveries before a request fails; 0: no limit

    uid_t owner = 0; ///< of the control node
    gid_t group = 0;
    mode_t mode = 0; ///< of the control node; 0: 0600

    /// A device that offers what the backend offers, with its size and sizes.
    static DeviceConfig for_backend(const Description& backend);
};

/// One device, from the outside: who serves it and whether anybody does makes no
/// difference here. Closing the object leaves the device as it is.
class Device {
public:
    /// Makes a device. Until a worker asks for requests it is empty for those who
    /// open it, and I/O on it fails. Needs CAP_SYS_ADMIN. Never waits for a worker.
    /// @throws abi::ModuleNotLoaded; std::system_error "unable to create a device";
    ///         std::invalid_argument if a value cannot be right; abi::WrongNode if
    ///         something else lies where its nodes are to be. Then there is no device.
    static Device create(const DeviceConfig& config);

    /// @param dev a number, userblkN, /dev/userblkN, /dev/userblkcN, or a name
    /// @throws abi::NoSuchDevice; std::system_error without permission
    static Device open(std::string_view dev);

    /// Removes a device, and the memory that belonged to it (mem:). Needs
    /// CAP_SYS_ADMIN. With @p force also a device in use: what waits fails. Ends
    /// however stuck the workers are.
    /// @throws std::system_error "unable to remove userblkN"
    static void remove(std::uint32_t number, bool force = false);
    /// The same of the device with this diskseq alone, since its number may be
    /// another one's by now; that gives "no such device".
    static void remove(std::uint32_t number, bool force, std::uint64_t diskseq);

    explicit Device(abi::ControlNode node) noexcept : node_(std::move(node)) {}

    std::uint32_t number() const noexcept { return node_.number(); }
    std::string block_path() const { return abi::block_path(number()); }
    std::string control_path() const { return abi::control_path(number()); }

    /// The control node: information, resets, resizing.
    const abi::ControlNode& node() const noexcept { return node_; }

    /// What a backend that serves this device has to know.
    /// @throws std::system_error if it was removed
    DeviceContext context() const { return context_of(node_); }
    /// The same, from a control node that is open.
    static DeviceContext context_of(const abi::ControlNode& node);

    /// Waits until the block device has its size and answers a read of its first
    /// block, at most for @p limit (userblk::infinity: for ever). False: the time is
    /// over.
    /// The read is done by a child process that is left behind, waiting, if
    /// nobody serves the device: a read in the kernel cannot be taken back.
    /// @throws std::system_error if the read failed, or the node cannot be opened;
    ///         abi::WrongNode if something else lies at its path
    bool wait_ready(std::chrono::nanoseconds limit) const;

private:
    abi::ControlNode node_;
};

} // namespace userblk
