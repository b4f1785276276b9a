// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "userblk/backend.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace userblk {

/// Internal: a store has a device already, or a device a store. The text names both.
class StoreInUse : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Internal: one store, one device (invariant 14).
///
/// Every worker locks a byte of each file of its store, whose place is the device, and a
/// byte of its control node, whose place is the store; their supervisor holds both. A worker that
/// finds another place locked is refused. The locks are of open files (F_OFD_SETLK): unrelated
/// workers of one device have the same place each, a lock goes with the last process that has the
/// file open, and nothing but the files is needed for it. Devices that only read a store share it.
///
/// Where the file system knows no locks, nothing is refused.
///
/// @throws StoreInUse, after some moments: whoever had the store may be about to end
void claim_store(const abi::ControlNode& node, const Backend& backend, const DeviceContext& device,
                 bool share);

/// The store's half of it alone; the lock is held as long as the backend, or a child process,
/// has its files open.
/// @throws StoreInUse
void claim_files(const Backend& backend, const DeviceContext& device, bool share);

/// For the supervisor of workers that have claimed: also while none of them lives its device
/// gets no other store, as long as it has the node open or until it releases it.
void hold_node(const abi::ControlNode& node, const std::string& identity, bool share) noexcept;
void release_node(const abi::ControlNode& node) noexcept;

/// Whether workers that claimed its store, or their supervisor, have a device. The calling
/// process's own count if they have the node open themselves.
bool is_served(std::uint32_t number) noexcept;

/// Refuses a store that a device has, before there is a device for it. Claims nothing.
/// @throws StoreInUse
void check_unclaimed(const Backend& backend);

/// Whether some device has a file, open here as @p fd, as its store.
bool is_claimed(int fd) noexcept;

/// What stands for a store: the same for everybody who opens the same. Empty: the backend
/// names no files.
std::string store_identity(const std::vector<StoreFile>& files);
/// The files' names, for people.
std::string store_names(const std::vector<StoreFile>& files);
/// A number for an identity.
std::uint64_t store_number(const std::string& identity) noexcept;

} // namespace userblk
