// SPDX-License-Identifier: MIT
#include "userblk/ctl/device_creation.hpp"

#include "userblk/ctl/command.hpp"
#include "userblk/ctl/kernel_module.hpp"
#include "userblk/units.hpp"

#include <stdexcept>
#include <string>
#include <system_error>

namespace userblk::ctl {

namespace {

std::string reason(const DeviceConfig& config, const std::system_error& error) {
    const auto is = [&](std::errc code) { return error.code() == code; };
    if (is(std::errc::permission_denied) || is(std::errc::operation_not_permitted))
        return "no permission to create a device; run this as root";
    if (is(std::errc::file_exists)) {
        std::string what;
        if (!config.name.empty())
            what = "the name \"" + config.name + "\"";
        if (config.number)
            what += (what.empty() ? "" : " or ") + ("the number " + std::to_string(*config.number));
        return what + " is in use; see userblkctl list";
    }
    if (is(std::errc::no_space_on_device))
        return "the maximum number of devices exists; remove one";
    if (is(std::errc::file_too_large))
        return format_size(config.size) + " is larger than this kernel's block layer supports";
    if (is(std::errc::not_enough_memory))
        return "the kernel lacks memory; fewer queues (--queues) with less depth (--depth) "
               "need less";
    return error.what();
}

} // namespace

Device create_device(const DeviceConfig& config) {
    ensure_module();
    try {
        return Device::create(config);
    } catch (const std::system_error& error) {
        throw Failure(reason(config, error));
    } catch (const std::invalid_argument& error) {
        throw UsageError(error.what());
    }
}

} // namespace userblk::ctl
