// SPDX-License-Identifier: MIT
#include "userblk/cli/json.hpp"

#include <gtest/gtest.h>

namespace userblk::cli {

TEST(Json, WritesWhatParsersTake) {
    JsonWriter json;
    json.begin_object().member("a", 1).member("b", "q\"\\\n").key("c").begin_array();
    json.value(true).null().begin_object().end_object().end_array().member("d", std::string("x"));
    json.end_object();
    EXPECT_EQ(json.text(), R"({"a":1,"b":"q\"\\\u000a","c":[true,null,{}],"d":"x"})");
}

// Of every kind, also those beyond ASCII, and bytes that JSON must not have.
TEST(Json, LetsNothingThroughThatActsOrIsNoText) {
    JsonWriter json;
    json.value(std::string("a\x1b\x7f\xc2\x9b\xff\xc3\xb6"));
    EXPECT_EQ(json.text(), "\"a\\u001b\\u007f\\u009b\xef\xbf\xbd\xc3\xb6\"");
}

// What printable() escapes is escaped here as well: marks that turn the direction of writing, too.
TEST(Json, LetsNoMarkOfDirectionThrough) {
    JsonWriter json;
    json.value("a\xe2\x80\xae\xef\xbb\xbf"
               "b");
    EXPECT_EQ(json.text(), "\"a\\u202e\\ufeffb\"");
}

// For people, who look at it: a member per line, and what is empty on one.
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

// Times are nanoseconds, whatever they were kept in; large numbers stay exact.
TEST(Json, HasOneUnitOfTime) {
    JsonWriter json;
    json.begin_array().value(std::chrono::milliseconds(1500)).value(std::chrono::seconds(2));
    json.value(~0ULL).end_array();
    EXPECT_EQ(json.text(), "[1500000000,2000000000,18446744073709551615]");
}

} // namespace userblk::cli
