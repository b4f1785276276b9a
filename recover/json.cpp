// SPDX-License-Identifier: MIT
#include "recover/json.hpp"

#include "userblk/printable.hpp"

#include <cstdio>

namespace userblk::recovery {

namespace {

// Control characters of every kind as numbers, so that a text is harmless on a
// terminal, too; JSON allows no bytes that are not UTF-8.
std::string quoted(std::string_view text) {
    std::string result = "\"";
    const auto valid = well_formed(text);
    for (std::string_view rest = valid; !rest.empty();) {
        const auto character = first_character(rest);
        const auto bytes = rest.substr(0, character.length);
        rest.remove_prefix(character.length);
        if (bytes == "\"" || bytes == "\\") {
            result += '\\';
            result += bytes;
        } else if (character.code < 0x20 || (character.code >= 0x7f && character.code < 0xa0)) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(character.code));
            result += escape;
        } else {
            result += bytes;
        }
    }
    return result + '"';
}

} // namespace

void JsonWriter::separate() {
    if (!text_.empty() && text_.back() != '{' && text_.back() != '[' && text_.back() != ':')
        text_ += ',';
}

JsonWriter& JsonWriter::raw(std::string_view text) {
    separate();
    text_ += text;
    return *this;
}

JsonWriter& JsonWriter::open(char bracket) {
    separate();
    text_ += bracket;
    return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
    text_ += bracket;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    separate();
    text_ += quoted(name) + ':';
    return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
    return raw(quoted(text));
}

} // namespace userblk::recovery
