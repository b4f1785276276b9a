// SPDX-License-Identifier: MIT
#pragma once

#include <random>

#include "tests/fuzz/abi/program.hpp"

namespace userblk::fuzz {

using Random = std::mt19937_64;

inline constexpr std::size_t longest_program = 40;

// A new program.
Program random_program(Random& random);
// Inserts, removes or duplicates a few calls, changes an argument or two, or joins the program with
// the other one.
void mutate(Program& program, const Program& other, Random& random);

} // namespace userblk::fuzz
