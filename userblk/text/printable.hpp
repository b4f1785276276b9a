// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace userblk {

/// @p text, which others may have chosen (the name of a process, a path), for a
/// terminal or a log: what would act there rather than be seen is shown as
/// "\x1b" or "\u{202e}". That is control characters of every kind, marks that
/// change the direction of writing, and bytes that are no UTF-8.
/// @param keep characters that stay as they are, such as "\n"
std::string printable(std::string_view text, std::string_view keep = "");

/// @p text with each byte that is no part of well-formed UTF-8 replaced by
/// U+FFFD, for formats that must be UTF-8.
std::string well_formed(std::string_view text);

/// How many columns a terminal needs for @p text, which is printable(): one for
/// each character.
std::size_t columns_of(std::string_view text) noexcept;

/// The first @p columns of it, never half a character.
std::string_view first_columns(std::string_view text, std::size_t columns) noexcept;

/// Whether a character acts on a terminal rather than be seen: printable() escapes those.
bool acts_on_terminal(char32_t code) noexcept;

/// One character at the beginning of a text that is not empty.
struct Utf8Character {
    std::size_t length = 1; ///< bytes
    char32_t code = 0;
    bool valid = false; ///< otherwise it is one byte that is no UTF-8
};
Utf8Character first_character(std::string_view text) noexcept;

} // namespace userblk
