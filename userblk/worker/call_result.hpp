// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/worker/worker_state.hpp"

#include <system_error>

namespace userblk {

/// Internal: what a serving thread does after a call to the control node.
enum class CallResult {
    done,
    again,  ///< it was interrupted, or memory was short: after a moment
    removed ///< the device is gone, and with it all requests
};

/// Notes a removal. @throws std::system_error for errors that only an exit of the process resolves
CallResult call_result(WorkerState& state, std::error_code error);

} // namespace userblk
