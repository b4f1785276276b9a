// SPDX-License-Identifier: MIT
//
// Programs as text: a line per call, "thread: get on=1 count=16". Defaults are left out. Values are
// numbers, names, or references: @0 is the result of the newest call, @1 that of the one before,
// @0-512 is 512 less. Lines of "----" separate programs; # starts a comment.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/abi/program.hpp"

namespace userblk::fuzz {

std::string to_text(const Call& call);
std::string to_text(const Program& program);

// These throw std::runtime_error with the invalid line.
Program to_program(std::string_view text);
std::vector<Program> to_programs(std::string_view text);

inline constexpr std::string_view divider = "----\n";

} // namespace userblk::fuzz
