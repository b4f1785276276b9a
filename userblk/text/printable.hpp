// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace userblk {

/// Makes untrusted @p text (the name of a process, a path) safe for a terminal or a
/// log: escapes control characters of every kind, marks that change the writing
/// direction, and bytes that are not UTF-8, as "\x1b" or "\u{202e}".
/// @param keep characters to leave unchanged, such as "\n"
std::string printable(std::string_view text, std::string_view keep = "");

/// @p text with each byte outside well-formed UTF-8 replaced by U+FFFD, for formats
/// that must be UTF-8.
std::string well_formed(std::string_view text);

/// The columns a terminal needs for @p text, which is printable(): one per character.
std::size_t columns_of(std::string_view text) noexcept;

/// The first @p columns of it, in whole characters.
std::string_view first_columns(std::string_view text, std::size_t columns) noexcept;

/// Whether a character controls a terminal instead of being shown: printable() escapes it.
bool acts_on_terminal(char32_t code) noexcept;

/// The first character of a non-empty text.
struct Utf8Character {
    std::size_t length = 1; ///< bytes
    char32_t code = 0;
    bool valid = false; ///< false: one byte that is not UTF-8
};
Utf8Character first_character(std::string_view text) noexcept;

} // namespace userblk
