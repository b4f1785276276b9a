// SPDX-License-Identifier: MIT
#include "userblk/cli/json.hpp"

#include <gtest/gtest.h>

namespace userblk::cli {

// Nested arrays and objects, escapes and separators are valid JSON.
TEST(Json, WritesWhatParsersAccept) {
    JsonWriter json;
    json.begin_object().member("a", 1).member("b", "q\"\\\n").key("c").begin_array();
    json.value(true).null().begin_object().end_object().end_array().member("d", std::string("x"));
    json.end_object();
    EXPECT_EQ(json.text(), R"({"a":1,"b":"q\"\\\u000a","c":[true,null,{}],"d":"x"})");
}

// Text of every kind, beyond ASCII too, and bytes that JSON forbids.
TEST(Json, EscapesControlCharactersAndInvalidText) {
    JsonWriter json;
    json.value(std::string("a\x1b\x7f\xc2\x9b\xff\xc3\xb6"));
    EXPECT_EQ(json.text(), "\"a\\u001b\\u007f\\u009b\xef\xbf\xbd\xc3\xb6\"");
}

// Escapes what printable() escapes, including marks that change the writing direction.
TEST(Json, EscapesDirectionMarks) {
    JsonWriter json;
    json.value("a\xe2\x80\xae\xef\xbb\xbf"
               "b");
    EXPECT_EQ(json.text(), "\"a\\u202e\\ufeffb\"");
}

// For human readers: one member per line, empty lists and objects on one line.
TEST(Json, IsIndentedForPeople) {
    JsonWriter json(JsonWriter::Layout::indented);
    json.begin_object().member("a", std::vector<int>{1, 2}).member("b: ", std::vector<int>{});
    json.key("c").begin_object().member("d", std::optional<int>()).end_object();
    json.key("e").begin_object().end_object().end_object();
    EXPECT_EQ(json.text(), R"({
  "a": [
    1,
    2
  ],
  "b: ": [],
  "c": {
    "d": null
  },
  "e": {}
})");
}

// Times are nanoseconds, in whatever unit they were stored; large numbers stay exact.
TEST(Json, HasOneUnitOfTime) {
    JsonWriter json;
    json.begin_array().value(std::chrono::milliseconds(1500)).value(std::chrono::seconds(2));
    json.value(~0ULL).end_array();
    EXPECT_EQ(json.text(), "[1500000000,2000000000,18446744073709551615]");
}

} // namespace userblk::cli
