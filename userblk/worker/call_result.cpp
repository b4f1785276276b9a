// SPDX-License-Identifier: MIT
#include "userblk/worker/call_result.hpp"

#include "ioctl/error.hpp"
#include "ioctl/lookup.hpp"

#include <chrono>
#include <thread>

namespace userblk {

CallResult call_result(WorkerState& state, std::error_code error) {
    if (!error)
        return CallResult::done;
    if (error == std::errc::no_such_device) {
        state.removed = true;
        return CallResult::removed;
    }
    if (error == std::errc::interrupted)
        return CallResult::again;
    if (error == std::errc::not_enough_memory ||
        error == std::errc::resource_unavailable_try_again) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return CallResult::again;
    }
    abi::throw_error("serve " + abi::disk_name(state.node.number()), error);
}

} // namespace userblk
