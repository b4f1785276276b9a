// SPDX-License-Identifier: MIT
// Sizes on the command line: refused with a message, or understood; a formatted size can be parsed.
#include "fuzz.hpp"

#include "userblk/units.hpp"

#include <limits>
#include <stdexcept>

using namespace userblk;

namespace {

// format_size() keeps one decimal of the unit that it chooses.
void check(std::uint64_t size) {
    fuzz::require(parse_size(std::to_string(size)) == size, "a plain number is itself");
    const auto shown = format_size(size);
    if (shown == "16E") // rounded up to one byte too many
        return;
    const auto again = parse_size(shown);
    const auto apart = again > size ? again - size : size - again;
    fuzz::require(size < 1024 ? apart == 0 : apart <= size / 10, "what is shown is about it");
    fuzz::require(format_size(again) == shown, "what is shown is shown again");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        check(parse_size(fuzz::text_of(data, size)));
    } catch (const std::invalid_argument&) {
    }
    return 0;
}
