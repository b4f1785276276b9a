// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/lookup.hpp"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/types.h>

namespace userblk::abi {

// Checks that a path below /dev is the node its name says. A program that writes to the
// path of a removed device leaves a regular file there, and then the kernel creates no node.

/// A device's path is something else. The text says what, and how to fix it.
class WrongNode : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// What is wrong with a path, and how to fix it while the device exists.
struct NodeFault {
    std::string what; ///< "/dev/userblk0 is a regular file, not ..."
    std::string mend; ///< commands, for people; may be empty
    bool missing = false;
};

/// What is wrong with /dev/userblkN; nothing: it is the block device. Needs no
/// privilege. If sysfs does not show the device number, any block device passes.
std::optional<NodeFault> block_node_fault(std::uint32_t number,
                                          const std::string& sysfs = sysfs_block,
                                          const std::string& dev = "/dev");

/// The device number of the block device; nothing if sysfs does not show it.
std::optional<dev_t> block_number(std::uint32_t number, const std::string& sysfs = sysfs_block);

/// @throws WrongNode unless /dev/userblkN is the block device
void check_block_node(std::uint32_t number);

/// @throws WrongNode unless @p fd, opened at /dev/userblkcN, is the control node of
///         device @p number
void check_control_node(int fd, std::uint32_t number);

/// "a regular file of 64 bytes", "a directory", "block device 8:0", ...; "nothing".
std::string what_lies_at(const std::string& path);

} // namespace userblk::abi
