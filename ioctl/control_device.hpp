// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "ioctl/userblk_ioctl.h"

#include <cstdint>
#include <vector>

namespace userblk::abi {

/// /dev/userblk-control: creates, removes and lists devices.
///
/// Every call requires CAP_SYS_ADMIN. Thread-safe. No call waits for a worker.
class ControlDevice {
public:
    static constexpr const char* path = "/dev/userblk-control";

    /// Opens the control device.
    /// @throws ModuleNotLoaded if it does not exist
    /// @throws std::system_error "unable to open …", for example for lack of permission
    ControlDevice();

    /// Creates a device and writes the values in force back to @p config,
    /// including its number. When it returns, both nodes exist.
    /// @throws std::system_error "unable to create a device"; then there is none
    void create(userblk_config& config);

    /// Removes device @p number. @p force also removes a device in use: its
    /// waiting requests fail with an I/O error.
    /// If @p diskseq is not 0, it must match, because the number may have been
    /// reused.
    /// @throws std::system_error "unable to remove userblkN": EBUSY in use,
    ///         ENODEV no such device
    void remove(std::uint32_t number, bool force = false, std::uint64_t diskseq = 0);

    struct List {
        std::uint64_t features = 0;              ///< USERBLK_FEATURE_*
        std::vector<userblk_list_entry> entries; ///< by number
    };
    /// All current devices.
    List list();

private:
    FileDescriptor fd_;
};

} // namespace userblk::abi
