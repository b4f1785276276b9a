// SPDX-License-Identifier: MIT
#include "userblk/ctl/kernel_module.hpp"

#include "ioctl/control_device.hpp"
#include "userblk/ctl/command.hpp"

#include <Poco/Exception.h>
#include <Poco/Process.h>
#include <chrono>
#include <thread>
#include <unistd.h>

namespace userblk::ctl {

namespace {

bool is_there() {
    return ::access(abi::ControlDevice::path, F_OK) == 0;
}

// Whether modprobe succeeded; it prints errors itself.
bool load() {
    try {
        return Poco::Process::launch("modprobe", {"userblk"}).wait() == 0;
    } catch (const Poco::Exception&) {
        return false;
    }
}

} // namespace

void ensure_module() {
    using namespace std::chrono_literals;
    if (is_there())
        return;
    if (::geteuid() != 0)
        throw Failure("the kernel module userblk is not loaded; as root: modprobe userblk");
    if (!load())
        throw Failure("the kernel module userblk is not loaded, and \"modprobe userblk\" failed; "
                      "is it installed for this kernel?");
    // If udev creates the nodes instead of the kernel, it takes a moment.
    for (int tries = 0; tries < 100 && !is_there(); ++tries)
        std::this_thread::sleep_for(20ms);
    if (!is_there())
        throw Failure(std::string("the kernel module userblk is loaded, but there is no ") +
                      abi::ControlDevice::path);
}

} // namespace userblk::ctl
