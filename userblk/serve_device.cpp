// SPDX-License-Identifier: MIT
#include "userblk/serve_device.hpp"

#include "userblk/device/removal.hpp"
#include "userblk/device/udev_links.hpp"

#include <functional>
#include <iostream>
#include <optional>
#include <system_error>
#include <utility>

namespace userblk {

namespace {

void remove_device(const abi::Identity& device, const LogFunction& log, const std::string& advice) {
    const auto error = remove_patiently(Removal(device), wait_for_end_signal);
    if (error == std::errc::device_or_resource_busy)
        write_log(log, LogLevel::warning,
                  abi::block_path(device.number) + " stays: it is in use, and I/O to it blocks. " +
                      advice);
    else if (error && error != std::errc::no_such_device)
        throw std::system_error(error, "unable to remove " + abi::block_path(device.number));
}

// While it is served: programs that briefly open it to probe its content still get answers.
std::function<bool()> removal_before_stop(const abi::Identity& device) {
    return [removal = std::optional<Removal>(), device]() mutable {
        if (!removal)
            removal.emplace(device);
        const auto result = removal->attempt();
        return result && *result &&
               *result != std::errc::no_such_device; // a removed device ends the pool on its own
    };
}

} // namespace

int serve_device(const Device& device, const StoreFactory& make, PoolOptions options,
                 bool temporary, const std::string& advice) {
    const LogFunction log = options.log;
    // By then the number may have been reused.
    const abi::Identity identity{device.number(), device.context().diskseq};
    if (temporary)
        options.may_stop = removal_before_stop(identity);
    UdevLinks links(device.number(), UdevLinks::Since::served);
    options.may_be_ready = [&links] { return links.settled(); };
    options.ready = [&] {
        if (!links.complaint().empty())
            write_log(log, LogLevel::warning, links.complaint());
        std::cout << device.block_path() << std::endl;
    };
    PoolEnd end = PoolEnd::failed;
    std::optional<Pool> pool;
    try {
        end = pool.emplace(device.number(), make, std::move(options)).run();
    } catch (...) {
        if (temporary)
            remove_device(identity, log, advice);
        throw;
    }
    if (temporary && end != PoolEnd::removed)
        remove_device(identity, log, advice);
    return end == PoolEnd::stopped || end == PoolEnd::removed ? 0 : 1;
}

} // namespace userblk
