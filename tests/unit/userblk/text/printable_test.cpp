// SPDX-License-Identifier: MIT
#include "userblk/text/printable.hpp"

#include <gtest/gtest.h>

namespace userblk {
namespace {

// Letters of every language stay; whatever would act on a terminal is shown as an escape.
TEST(Printable, ShowsWhatWouldAct) {
    EXPECT_EQ(printable("file:/srv/g\xc3\xb6ld \xe2\x82\xac.img"),
              "file:/srv/g\xc3\xb6ld \xe2\x82\xac.img");
    EXPECT_EQ(printable("\x1b[31m\x07\x7f"), "\\x1b[31m\\x07\\x7f");
    EXPECT_EQ(printable("\xc2\x9b"
                        "31m"),
              "\\x9b31m"); // the same in one character
    EXPECT_EQ(printable("a\xe2\x80\xae"
                        "b"),
              "a\\u{202e}b"); // reverses the writing direction
    EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
}

// Chosen control characters can be exempted.
TEST(Printable, KeepsCharactersOnRequest) {
    EXPECT_EQ(printable("a\nb\tc", "\n"), "a\nb\\x09c");
}

// A byte that is no UTF-8 may be a control character to a terminal in another encoding.
TEST(Printable, ShowsBytesThatAreNoText) {
    EXPECT_EQ(printable("\x9b"
                        "a\xff\xc3"),
              "\\x9ba\\xff\\xc3");
    EXPECT_EQ(printable("\xc0\x9b"), "\\xc0\\x9b");          // overlong
    EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80"); // half of a surrogate pair
    EXPECT_EQ(printable("\xf5\x80\x80\x80"), "\\xf5\\x80\\x80\\x80");
}

// Bytes that are no UTF-8 become replacement characters; the rest stays.
TEST(Printable, ReplacesInvalidUtf8) {
    EXPECT_EQ(well_formed("a\xff\xc3\xb6\x1b"), "a\xef\xbf\xbd\xc3\xb6\x1b");
}

// Widths count characters, not bytes.
TEST(Printable, MeasuresCharacters) {
    EXPECT_EQ(columns_of("g\xc3\xb6ld"), 4U);
    EXPECT_EQ(first_columns("g\xc3\xb6ld", 2), "g\xc3\xb6");
    EXPECT_EQ(first_columns("g\xc3\xb6ld", 0), "");
    EXPECT_EQ(first_columns("g\xc3\xb6ld", 9), "g\xc3\xb6ld");
}

} // namespace
} // namespace userblk
