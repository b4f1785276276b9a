// SPDX-License-Identifier: MIT
#include "userblk/cli/json.hpp"

#include "userblk/text/printable.hpp"

#include <cstdio>

namespace userblk::cli {

namespace {

constexpr std::size_t indent = 2;

// What would act on a terminal as numbers, so that the text is harmless there, too;
// all of that has codes of four digits. JSON allows no bytes that are not UTF-8.
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
        } else if (acts_on_terminal(character.code)) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x",
                          static_cast<unsigned>(character.code) & 0xffffU);
            result += escape;
        } else {
            result += bytes;
        }
    }
    return result + '"';
}

} // namespace

void JsonWriter::new_line() {
    if (layout_ == Layout::indented)
        text_.append("\n").append(depth_ * indent, ' ');
}

// Whether a comma is due shows in what was written last.
void JsonWriter::separate() {
    if (text_.empty() || text_.ends_with(':') || text_.ends_with(": "))
        return;
    if (text_.back() != '{' && text_.back() != '[')
        text_ += ',';
    new_line();
}

JsonWriter& JsonWriter::raw(std::string_view text) {
    separate();
    text_ += text;
    return *this;
}

JsonWriter& JsonWriter::open(char bracket) {
    separate();
    text_ += bracket;
    ++depth_;
    return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
    const bool empty = text_.back() == '{' || text_.back() == '[';
    --depth_;
    if (!empty)
        new_line();
    text_ += bracket;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    separate();
    text_ += quoted(name) + (layout_ == Layout::indented ? ": " : ":");
    return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
    return raw(quoted(text));
}

} // namespace userblk::cli
