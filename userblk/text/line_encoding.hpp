// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace userblk {

// Internal: any text as a part of one line: control characters and "%" become "%" and two
// hexadecimal digits.

std::string encode_line(std::string_view text);
/// What is no code stays as it is.
std::string decode_line(std::string_view text);

} // namespace userblk
