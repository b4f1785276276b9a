// SPDX-License-Identifier: MIT
// Times on the command line: refused with a message, or understood; a formatted time can be parsed.
#include "fuzz.hpp"

#include "userblk/units.hpp"

#include <stdexcept>

using namespace userblk;

namespace {

void check(std::chrono::nanoseconds time) {
    fuzz::require(time >= std::chrono::nanoseconds(0), "no time is negative");
    const auto plain = std::to_string(time.count()) + "ns";
    if (time != infinity)
        fuzz::require(parse_duration(plain) == time, "nanoseconds are themselves");
    const auto shown = format_duration(time);
    const auto again = parse_duration(shown);
    if (time == infinity)
        return fuzz::require(again == infinity, "infinity stays it");
    const auto apart = again > time ? again - time : time - again;
    fuzz::require(apart <= time / 20, "what is shown is about it");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::text_of(data, size);
    for (const auto unit : {std::chrono::nanoseconds(1), std::chrono::nanoseconds(1'000'000'000)})
        try {
            check(parse_duration(text, unit));
        } catch (const std::invalid_argument&) {
        }
    return 0;
}
