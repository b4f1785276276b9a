// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "userblk/backend.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace userblk {

/// Internal: the store already has a device, or the device a store. The text names both.
class StoreInUse : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Internal: one store, one device (invariant 14).
///
/// Every worker locks a byte in each file of its store, at an offset derived from the device,
/// and a byte of its control node, at an offset derived from the store; their supervisor holds
/// both. If another offset is locked, the claim fails. The locks belong to open files
/// (F_OFD_SETLK): unrelated workers of one device lock the same offsets, a lock ends with the last
/// process that has the file open, and the files alone suffice. Devices that only read a store
/// share it.
///
/// On a file system without locks, every claim succeeds.
///
/// @throws StoreInUse, after a short wait: the holder may be about to exit
void claim_store(const abi::ControlNode& node, const Store& store, const DeviceContext& device,
                 bool share);

/// Claims the files of the store alone; the lock lasts as long as the object, or a child
/// process, has them open.
/// @throws StoreInUse
void claim_files(const Store& store, const DeviceContext& device, bool share);

/// For the supervisor of workers with claims: keeps the device from getting another store even
/// while no worker is alive, as long as the supervisor has the node open or until it releases it.
void hold_node(const abi::ControlNode& node, const std::string& identity, bool share) noexcept;
void release_node(const abi::ControlNode& node) noexcept;

/// For a store without files, which cannot be told from another: keeps all other stores from the
/// device, as long as this process or a child has the node open. Checks and locks in one step.
/// @returns false if the device has a store
bool reserve_node(const abi::ControlNode& node) noexcept;

/// Whether a device has workers that claimed its store, or their supervisor. Counts those of the
/// calling process too, if they have opened the node themselves.
bool is_served(std::uint32_t number) noexcept;

/// Refuses a store that a device has, before a device is created for it. Claims nothing.
/// @throws StoreInUse
void check_unclaimed(const Store& store);

/// Whether any device has the file open as @p fd as its store.
bool is_claimed(int fd) noexcept;

/// Identifies a store: equal for all processes that open the same one. Empty: the backend
/// names no files.
std::string store_identity(const std::vector<StoreFile>& files);
/// The names of the files, for messages.
std::string store_names(const std::vector<StoreFile>& files);
/// A number derived from an identity.
std::uint64_t store_number(const std::string& identity) noexcept;

} // namespace userblk
