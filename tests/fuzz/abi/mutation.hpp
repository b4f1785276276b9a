// SPDX-License-Identifier: MIT
#pragma once

#include <random>

#include "tests/fuzz/abi/program.hpp"

namespace userblk::fuzz {

using Random = std::mt19937_64;

inline constexpr std::size_t longest_program = 40;

// A program from nothing.
Program random_program(Random& random);
// Some calls inserted, taken away, doubled, changed in an argument or two, or the program joined
// with another one.
void mutate(Program& program, const Program& other, Random& random);

} // namespace userblk::fuzz
