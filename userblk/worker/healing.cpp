// SPDX-License-Identifier: MIT
#include "userblk/worker/healing.hpp"

#include "userblk/units.hpp"

namespace userblk {

std::error_code put_back_dead(WorkerState& state, ThreadCounters& counters) {
    userblk_reset reset{};
    reset.which = USERBLK_RESET_DEAD;
    if (const auto error = state.node.reset(reset))
        return error;
    if (reset.count == 0)
        return {};
    counters.resets.add();
    counters.put_back.add(reset.count);
    state.log(LogLevel::notice,
              "put back " + format_count(reset.count, "request") + " of a process that died");
    return {};
}

} // namespace userblk
