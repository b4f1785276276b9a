// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace userblk::abi {

// Lists and describes devices from sysfs. Needs no privilege, opens no node and never
// waits for a worker. Where sysfs is not mounted, as in a container, it queries the
// control nodes below /dev that the caller may open.

/// Where the kernel lists block devices; only tests change it.
inline constexpr const char* sysfs_block = "/sys/block";

/// No device has the given name. The text quotes the name and lists the valid
/// forms.
class NoSuchDevice : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The number of the device that @p dev names: a number ("3"), "userblk3",
/// "/dev/userblk3", "/dev/userblkc3", or the name given at creation. A name that
/// looks like one of the other forms is read as that form.
/// @throws NoSuchDevice if there is none
std::uint32_t find_device(std::string_view dev, const std::string& sysfs = sysfs_block);

/// Identifies one device: after its removal the number is reused, the diskseq is
/// not.
struct Identity {
    std::uint32_t number = 0;
    std::uint64_t diskseq = 0; ///< 0 if sysfs does not show it
};

/// The device that @p dev names, as for find_device().
/// @throws NoSuchDevice if there is none
Identity identify_device(std::string_view dev, const std::string& sysfs = sysfs_block);

/// The number in "3", "userblk3", "/dev/userblk3" or "/dev/userblkc3", whether
/// or not the device exists; nothing for any other text.
std::optional<std::uint32_t> parse_device(std::string_view dev) noexcept;

/// The numbers of all devices, ascending.
std::vector<std::uint32_t> device_numbers(const std::string& sysfs = sysfs_block);

/// "/dev/userblkN", the block device.
std::string block_path(std::uint32_t number);
/// "/dev/userblkcN", the control node.
std::string control_path(std::uint32_t number);
/// "userblkN", the device's name in the kernel.
std::string disk_name(std::uint32_t number);

/// A snapshot of one device from sysfs; needs no privilege. The values are read
/// one after the other.
struct Attributes {
    std::string name;                          ///< given at creation; may be empty
    std::string state;                         ///< "new" or, since the first GET, "served"
    std::optional<std::uint32_t> servers;      ///< live servers; nothing: an old module
    std::chrono::milliseconds unserved{};      ///< time without servers; 0 while there are any
    std::uint64_t size = 0;                    ///< bytes, as configured
    std::uint64_t diskseq = 0;                 ///< unique among all disks since boot
    bool read_only = false;                    ///< writes are refused
    std::string store_class = "process";       ///< "process", "fenced", "unfenced"
    std::uint64_t queued = 0;                  ///< requests in the queue
    std::uint64_t taken = 0;                   ///< requests held by takers
    std::uint64_t orphaned = 0;                ///< taken requests whose taker is dead
    std::chrono::milliseconds oldest_queued{}; ///< 0 if none
    std::chrono::milliseconds oldest_taken{};  ///< 0 if none
    std::uint64_t completed = 0;               ///< requests, since creation
    std::uint64_t errors = 0;                  ///< requests completed with an error
    std::uint64_t resets = 0;                  ///< RESETs that put a request back
    std::uint64_t stale = 0;                   ///< answers refused as stale
};
/// @throws NoSuchDevice if it does not exist
Attributes read_attributes(std::uint32_t number, const std::string& sysfs = sysfs_block);

} // namespace userblk::abi
