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

// Which devices there are and what anybody may know about them, from sysfs:
// no privilege needed, no node opened, nothing that waits for a worker. Where sysfs
// is not mounted, as in a container, the control nodes below /dev are asked, as far
// as the caller may open them.

/// Where the kernel lists block devices; a parameter only for tests.
inline constexpr const char* sysfs_block = "/sys/block";

/// No device is known under the name that was given. The text names what was
/// given and which forms there are.
class NoSuchDevice : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The number of the device that @p dev names: a number ("3"), "userblk3",
/// "/dev/userblk3", "/dev/userblkc3", or the name given at creation. A device's
/// name that looks like one of the other forms is found only by those.
/// @throws NoSuchDevice if there is none
std::uint32_t find_device(std::string_view dev, const std::string& sysfs = sysfs_block);

/// A device and no other: its number is given away again after its removal, its
/// diskseq is not.
struct Identity {
    std::uint32_t number = 0;
    std::uint64_t diskseq = 0; ///< 0 if sysfs does not tell
};

/// The device that @p dev names, as of find_device().
/// @throws NoSuchDevice if there is none
Identity identify_device(std::string_view dev, const std::string& sysfs = sysfs_block);

/// The number in "3", "userblk3", "/dev/userblk3" or "/dev/userblkc3", whether
/// or not there is such a device; nothing for any other text.
std::optional<std::uint32_t> parse_device(std::string_view dev) noexcept;

/// The numbers of all devices, ascending.
std::vector<std::uint32_t> device_numbers(const std::string& sysfs = sysfs_block);

/// "/dev/userblkN", the block device.
std::string block_path(std::uint32_t number);
/// "/dev/userblkcN", the control node.
std::string control_path(std::uint32_t number);
/// "userblkN", the device's name in the kernel.
std::string disk_name(std::uint32_t number);

/// A snapshot of what sysfs tells about one device; nothing in it needs a
/// privilege. The values were read one after the other.
struct Attributes {
    std::string name;                          ///< given at creation; may be empty
    std::string state;                         ///< "new" or, since the first GET, "served"
    std::optional<std::uint32_t> servers;      ///< processes that serve it; old modules do not tell
    std::chrono::milliseconds unserved{};      ///< how long nobody has; 0 while somebody does
    std::uint64_t size = 0;                    ///< bytes, as configured
    std::uint64_t diskseq = 0;                 ///< unique among all disks since boot
    bool read_only = false;                    ///< writes are refused
    std::uint64_t queued = 0;                  ///< requests that wait
    std::uint64_t taken = 0;                   ///< requests that somebody holds
    std::uint64_t orphaned = 0;                ///< those whose taker is dead
    std::chrono::milliseconds oldest_queued{}; ///< 0 if none
    std::chrono::milliseconds oldest_taken{};  ///< 0 if none
    std::uint64_t completed = 0;               ///< requests, since creation
    std::uint64_t errors = 0;                  ///< those with an error
    std::uint64_t resets = 0;                  ///< RESETs that put something back
    std::uint64_t stale = 0;                   ///< answers refused as stale
};
/// @throws NoSuchDevice if it is not there (any more)
Attributes read_attributes(std::uint32_t number, const std::string& sysfs = sysfs_block);

} // namespace userblk::abi
