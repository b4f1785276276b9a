// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace userblk::cli {

/// Writes one JSON text in the order of the calls. Both tools use it, and
/// docs/json.md describes what they write.
class JsonWriter {
public:
    enum class Layout {
        line,    ///< one line, for texts that follow one another
        indented ///< a member per line
    };

    explicit JsonWriter(Layout layout = Layout::line) : layout_(layout) {}

    JsonWriter& begin_object() { return open('{'); }
    JsonWriter& end_object() { return close('}'); }
    JsonWriter& begin_array() { return open('['); }
    JsonWriter& end_array() { return close(']'); }

    /// The name of the next value, within an object.
    JsonWriter& key(std::string_view name);
    /// Bytes that are not UTF-8 are replaced; what would act on a terminal is escaped.
    JsonWriter& value(std::string_view text);
    JsonWriter& value(const char* text) { return value(std::string_view(text)); }
    JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
    JsonWriter& value(bool truth) { return raw(truth ? "true" : "false"); }
    template <std::integral T>
    JsonWriter& value(T number) {
        return raw(std::to_string(number));
    }
    /// Every time is a number of nanoseconds; its key ends in "_ns".
    JsonWriter& value(std::chrono::nanoseconds time) { return value(time.count()); }
    template <typename T>
    JsonWriter& value(const std::optional<T>& what) {
        return what ? value(*what) : null();
    }
    template <typename T>
    JsonWriter& value(const std::vector<T>& list) {
        begin_array();
        for (const auto& one : list)
            value(one);
        return end_array();
    }
    JsonWriter& null() { return raw("null"); }

    template <typename T>
    JsonWriter& member(std::string_view name, const T& what) {
        return key(name).value(what);
    }

    const std::string& text() const noexcept { return text_; }

private:
    JsonWriter& raw(std::string_view text);
    JsonWriter& open(char bracket);
    JsonWriter& close(char bracket);
    void separate();
    void new_line();

    Layout layout_;
    std::size_t depth_ = 0;
    std::string text_;
};

} // namespace userblk::cli
