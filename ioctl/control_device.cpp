// SPDX-License-Identifier: MIT
#include "ioctl/control_device.hpp"

#include "ioctl/error.hpp"
#include "ioctl/lookup.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>

namespace userblk::abi {

ControlDevice::ControlDevice() : fd_(::open(path, O_RDWR | O_CLOEXEC)) {
    if (fd_)
        return;
    const auto error = last_error();
    // ENXIO, ENODEV: a stale node, or one created by hand.
    if (error == std::errc::no_such_file_or_directory ||
        error == std::errc::no_such_device_or_address || error == std::errc::no_such_device)
        throw ModuleNotLoaded(error);
    throw_error(std::string("open ") + path, error);
}

void ControlDevice::create(userblk_config& config) {
    if (::ioctl(fd_.get(), USERBLK_CREATE, &config) < 0)
        throw_errno("create a device");
}

void ControlDevice::remove(std::uint32_t number, bool force, std::uint64_t diskseq) {
    userblk_remove remove{};
    remove.number = number;
    remove.flags = force ? USERBLK_REMOVE_FORCE : 0;
    remove.diskseq = diskseq;
    int result = ::ioctl(fd_.get(), USERBLK_REMOVE, &remove);
    // An older module knows only numbers; it must still be removable.
    if (result < 0 && errno == ENOTTY)
        result = ::ioctl(fd_.get(), USERBLK_REMOVE_1, &remove);
    if (result < 0)
        throw_errno("remove " + disk_name(number));
}

ControlDevice::List ControlDevice::list() {
    List list;
    // Devices may appear meanwhile: retry until all of them fit.
    for (std::size_t room = 64;; room *= 2) {
        list.entries.resize(room);
        userblk_list request{};
        request.entries = reinterpret_cast<std::uintptr_t>(list.entries.data());
        request.count = static_cast<std::uint32_t>(room);
        request.entry_size = sizeof(userblk_list_entry);
        if (::ioctl(fd_.get(), USERBLK_LIST, &request) < 0)
            throw_errno("list the devices");
        list.features = request.features;
        list.entries.resize(request.count);
        if (request.total <= request.count)
            return list;
    }
}

} // namespace userblk::abi
