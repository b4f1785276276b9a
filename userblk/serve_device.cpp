// SPDX-License-Identifier: MIT
#include "userblk/serve_device.hpp"

#include <chrono>
#include <iostream>
#include <system_error>
#include <thread>
#include <utility>

namespace userblk {

namespace {

constexpr std::chrono::milliseconds patience(2000), try_every(50);

// Somebody may have it open for just a moment, such as udev.
void remove_device(const Device& device, const LogFunction& log, const std::string& advice) {
    for (auto left = patience;; left -= try_every) {
        try {
            return Device::remove(device.number());
        } catch (const std::system_error& error) {
            if (error.code() == std::errc::no_such_device)
                return;
            if (error.code() != std::errc::device_or_resource_busy)
                throw;
            if (left.count() <= 0)
                break;
        }
        std::this_thread::sleep_for(try_every);
    }
    write_log(log, LogLevel::warning,
              device.block_path() + " is in use and stays; its requests wait. " + advice);
}

} // namespace

int serve_device(const Device& device, const BackendFactory& make, PoolOptions options,
                 bool temporary, const std::string& advice) {
    const LogFunction log = options.log;
    options.ready = [&device] { std::cout << device.block_path() << std::endl; };
    PoolEnd end = PoolEnd::failed;
    try {
        end = Pool(device.number(), make, std::move(options)).run();
    } catch (...) {
        if (temporary)
            remove_device(device, log, advice);
        throw;
    }
    if (temporary && end != PoolEnd::removed)
        remove_device(device, log, advice);
    return end == PoolEnd::stopped || end == PoolEnd::removed ? 0 : 1;
}

} // namespace userblk
