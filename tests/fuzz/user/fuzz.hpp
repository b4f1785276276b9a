// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

// A target is a program of its own: it gives any bytes to a parser of user space, and says what
// must hold for all of them. Linked with libFuzzer it looks for bytes for which it does not
// (scripts/fuzz-user-space); linked with replay.cpp it tries those in corpus/ (ctest -L unit).

/// To be defined by each target. Returns 0; -1 for what is not worth keeping.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace userblk::fuzz {

/// Ends the program, as a finding, unless @p holds.
inline void require(bool holds, const char* what) {
    if (holds)
        return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

} // namespace userblk::fuzz
