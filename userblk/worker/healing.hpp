// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/worker/thread_counters.hpp"
#include "userblk/worker/worker_state.hpp"

#include <system_error>

namespace userblk {

/// Internal: puts back the requests of dead processes, and logs it. Any number of workers may do so
/// at the same time; each request is put back once.
std::error_code put_back_dead(WorkerState& state, ThreadCounters& counters);

} // namespace userblk
