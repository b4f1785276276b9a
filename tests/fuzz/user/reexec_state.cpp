// SPDX-License-Identifier: MIT
// The state that a supervisor passes to its successor in the environment: none, or processes that
// can be signalled and waited for.
#include "fuzz.hpp"

#include "userblk/supervisor/reexec_state.hpp"

using namespace userblk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto found = ReexecState::from_text(std::string(fuzz::text_of(data, size)));
    if (!found)
        return 0;
    for (const auto* pids : {&found->workers, &found->draining})
        for (const auto pid : *pids)
            fuzz::require(pid > 0, "0 and negative numbers are groups, not processes");
    const auto again = ReexecState::from_text(found->to_text());
    fuzz::require(again && again->number == found->number && again->workers == found->workers &&
                      again->draining == found->draining && again->note == found->note,
                  "it comes out as it went in");
    return 0;
}
