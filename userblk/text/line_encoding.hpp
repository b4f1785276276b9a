// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace userblk {

// Internal: encodes any text as part of one line: control characters and "%" become "%" and
// two hexadecimal digits.

std::string encode_line(std::string_view text);
/// Leaves invalid codes unchanged.
std::string decode_line(std::string_view text);

} // namespace userblk
