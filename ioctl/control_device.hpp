// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "ioctl/userblk_ioctl.h"

#include <cstdint>
#include <vector>

namespace userblk::abi {

/// /dev/userblk-control: makes, removes and lists devices.
///
/// Needs CAP_SYS_ADMIN for everything. Safe to use from several threads. No
/// call waits for a worker.
class ControlDevice {
public:
    static constexpr const char* path = "/dev/userblk-control";

    /// Opens the control device.
    /// @throws ModuleNotLoaded if it does not exist
    /// @throws std::system_error "unable to open …", for example without permission
    ControlDevice();

    /// Makes a device and writes the values in force back to @p config, its
    /// number among them. When it returns both nodes exist.
    /// @throws std::system_error "unable to create a device"; then there is none
    void create(userblk_config& config);

    /// Removes device @p number. With @p force also one that is in use: what
    /// waits on it fails with an I/O error.
    /// The number may be another device's by now: with @p diskseq only the one that
    /// has it is removed.
    /// @throws std::system_error "unable to remove userblkN": EBUSY in use,
    ///         ENODEV no such device
    void remove(std::uint32_t number, bool force = false, std::uint64_t diskseq = 0);

    struct List {
        std::uint64_t features = 0;              ///< USERBLK_FEATURE_*
        std::vector<userblk_list_entry> entries; ///< by number
    };
    /// All devices that there are at this moment.
    List list();

private:
    FileDescriptor fd_;
};

} // namespace userblk::abi
