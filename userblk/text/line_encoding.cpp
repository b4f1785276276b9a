// SPDX-License-Identifier: MIT
#include "userblk/text/line_encoding.hpp"

#include <charconv>

namespace userblk {

namespace {

bool is_plain(unsigned char c) {
    return c >= ' ' && c != 0x7f && c != '%';
}

} // namespace

std::string encode_line(std::string_view text) {
    constexpr const char* digits = "0123456789abcdef";
    std::string line;
    for (const unsigned char c : text) {
        if (is_plain(c))
            line += static_cast<char>(c);
        else
            line += {'%', digits[c >> 4], digits[c & 15]};
    }
    return line;
}

std::string decode_line(std::string_view line) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
        unsigned char c = 0;
        const auto* const digits = line.data() + i + 1;
        if (line[i] == '%' && i + 2 < line.size() &&
            std::from_chars(digits, digits + 2, c, 16).ptr == digits + 2) {
            text += static_cast<char>(c);
            i += 2;
        } else {
            text += line[i];
        }
    }
    return text;
}

} // namespace userblk
