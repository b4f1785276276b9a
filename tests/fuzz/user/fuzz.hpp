// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

// A target is a program that feeds arbitrary bytes to a parser of user space and checks what must
// hold for all of them. Linked with libFuzzer, it searches for bytes that violate this
// (scripts/fuzz-user-space); linked with replay.cpp, it tries those in corpus/ (ctest -L unit).

/// Defined by each target. Returns 0, or -1 for input that is not worth keeping.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace userblk::fuzz {

/// Aborts the program, as a finding, unless @p holds.
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
