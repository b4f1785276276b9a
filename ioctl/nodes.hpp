// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/lookup.hpp"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/types.h>

namespace userblk::abi {

// Whether a path below /dev is what its name says. Programs that write to the path of a
// device that is gone leave a plain file there, and the kernel then makes no node.

/// Something else lies at a device's path. The text says what, and what helps.
class WrongNode : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// What is wrong with a path, and how to mend it while the device exists.
struct NodeFault {
    std::string what; ///< "/dev/userblk0 is a regular file, not ..."
    std::string mend; ///< commands, for people; may be empty
    bool missing = false;
};

/// What is wrong with /dev/userblkN; nothing: it is the block device. Needs no
/// privilege. Where sysfs does not say the device's number, any block device will do.
std::optional<NodeFault> block_node_fault(std::uint32_t number,
                                          const std::string& sysfs = sysfs_block,
                                          const std::string& dev = "/dev");

/// The device number of the block device; nothing where sysfs does not say it.
std::optional<dev_t> block_number(std::uint32_t number, const std::string& sysfs = sysfs_block);

/// @throws WrongNode unless /dev/userblkN is the block device
void check_block_node(std::uint32_t number);

/// Whether @p fd, opened at /dev/userblkcN, is the control node of device @p number.
/// @throws WrongNode
void check_control_node(int fd, std::uint32_t number);

/// "a regular file of 64 bytes", "a directory", "block device 8:0", ...; "nothing".
std::string what_lies_at(const std::string& path);

} // namespace userblk::abi
