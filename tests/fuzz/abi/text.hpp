// SPDX-License-Identifier: MIT
//
// Programs as text: a line per call, "thread: get on=1 count=16". What is usual is left out. Values
// are numbers, names, or references: @0 is what the newest call gave, @1 the one before, @0-512 a
// bit less. Programs of one text are divided by lines of "----"; # begins a comment.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/abi/program.hpp"

namespace userblk::fuzz {

std::string to_text(const Call& call);
std::string to_text(const Program& program);

// Throw std::runtime_error with the line that is wrong.
Program to_program(std::string_view text);
std::vector<Program> to_programs(std::string_view text);

inline constexpr std::string_view divider = "----\n";

} // namespace userblk::fuzz
