// SPDX-License-Identifier: MIT
#include "ioctl/error.hpp"

namespace userblk::abi {

void throw_error(const std::string& operation, std::error_code error) {
    throw std::system_error(error, "unable to " + operation);
}

void throw_errno(const std::string& operation) {
    throw_error(operation, last_error());
}

ModuleNotLoaded::ModuleNotLoaded(std::error_code error)
    : std::system_error(error, "unable to open /dev/userblk-control; is the kernel module "
                               "loaded? (modprobe userblk)") {}

} // namespace userblk::abi
