// SPDX-License-Identifier: MIT
#include "userblk/text/printable.hpp"

#include <cstdio>

namespace userblk {

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd"; // U+FFFD

// The lowest code point that a sequence of this length may encode.
constexpr char32_t least_code[] = {0, 0, 0x80, 0x800, 0x10000};

std::size_t length_of(unsigned char first) noexcept {
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first < 0xe0)
        return 2;
    if (first >= 0xe0 && first < 0xf0)
        return 3;
    return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

bool is_between(char32_t code, char32_t first, char32_t last) noexcept {
    return code >= first && code <= last;
}

std::string escaped(char32_t code) {
    char text[16];
    std::snprintf(text, sizeof text, code < 0x100 ? "\\x%02x" : "\\u{%x}",
                  static_cast<unsigned>(code));
    return text;
}

} // namespace

// C0, DEL, C1; direction marks and overrides; line separators; the byte order mark, which
// is invisible.
bool acts_on_terminal(char32_t code) noexcept {
    return code < 0x20 || is_between(code, 0x7f, 0x9f) || code == 0x61c ||
           is_between(code, 0x200b, 0x200f) || is_between(code, 0x2028, 0x202e) ||
           is_between(code, 0x2060, 0x206f) || code == 0xfeff;
}

Utf8Character first_character(std::string_view text) noexcept {
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto length = length_of(byte(0));
    if (length == 1)
        return {1, byte(0), true};
    const Utf8Character bad{1, byte(0), false};
    if (length == 0 || length > text.size())
        return bad;
    char32_t code = byte(0) & (0x7fU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0U) != 0x80)
            return bad;
        code = code << 6 | (byte(i) & 0x3fU);
    }
    if (code < least_code[length] || is_between(code, 0xd800, 0xdfff) || code > 0x10ffff)
        return bad;
    return {length, code, true};
}

std::string printable(std::string_view text, std::string_view keep) {
    std::string result;
    while (!text.empty()) {
        const auto character = first_character(text);
        const auto bytes = text.substr(0, character.length);
        if (keep.find(bytes) != std::string_view::npos ||
            (character.valid && !acts_on_terminal(character.code)))
            result += bytes;
        else
            result += escaped(character.code);
        text.remove_prefix(character.length);
    }
    return result;
}

std::string well_formed(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const auto character = first_character(text);
        result += character.valid ? text.substr(0, character.length) : replacement;
        text.remove_prefix(character.length);
    }
    return result;
}

std::size_t columns_of(std::string_view text) noexcept {
    std::size_t columns = 0;
    for (; !text.empty(); ++columns)
        text.remove_prefix(first_character(text).length);
    return columns;
}

std::string_view first_columns(std::string_view text, std::size_t columns) noexcept {
    auto rest = text;
    for (; columns > 0 && !rest.empty(); --columns)
        rest.remove_prefix(first_character(rest).length);
    return text.substr(0, text.size() - rest.size());
}

} // namespace userblk
