// SPDX-License-Identifier: MIT
#include "userblk/units.hpp"

#include <gtest/gtest.h>

namespace userblk {
namespace {

using namespace std::chrono_literals;

// What a call complained about; empty if it succeeded.
template <class Call>
std::string complaint(Call&& call) {
    try {
        call();
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return {};
}

// Sizes as people write them are powers of 1024, with or without iB.
TEST(Units, SizesArePowersOf1024) {
    EXPECT_EQ(parse_size("4096"), 4096U);
    EXPECT_EQ(parse_size("0"), 0U);
    EXPECT_EQ(parse_size("512K"), 512U << 10);
    EXPECT_EQ(parse_size("512k"), 512U << 10);
    EXPECT_EQ(parse_size("1M"), 1U << 20);
    EXPECT_EQ(parse_size("1G"), 1U << 30);
    EXPECT_EQ(parse_size("1GiB"), 1U << 30);
    EXPECT_EQ(parse_size("1GB"), 1U << 30);
    EXPECT_EQ(parse_size("1.5T"), 3ULL << 39);
    EXPECT_EQ(parse_size("15E"), 15ULL << 60);
    EXPECT_EQ(parse_size("18446744073709551615"), ~0ULL);
}

// The error names the bad size and the valid forms.
TEST(Units, BadSizesAreNamedTogetherWithGoodOnes) {
    for (const auto* text : {"", "G", "-1G", "1Q", "1 G", "1GX", "1.2.3G", "16E", "one",
                             "18446744073709551616", "0x10", "1e3"}) {
        const auto words = complaint([=] { parse_size(text); });
        EXPECT_NE(words.find('"' + std::string(text) + '"'), std::string::npos) << text;
        EXPECT_NE(words.find("512K"), std::string::npos) << text;
    }
}

// A fraction without a unit is a mistake; there is no part of a byte.
TEST(Units, FractionsOfBytesAreRefused) {
    for (const auto* text : {"1.3", "1.3B", "0.5", ".5b"})
        EXPECT_NE(complaint([=] { parse_size(text); }).find("a fraction needs a unit"),
                  std::string::npos)
            << text;
}

// A size is shown short, and exactly if that is short.
TEST(Units, SizesAreShownShort) {
    EXPECT_EQ(format_size(0), "0");
    EXPECT_EQ(format_size(512), "512");
    EXPECT_EQ(format_size(1024), "1K");
    EXPECT_EQ(format_size(1536), "1.5K");
    EXPECT_EQ(format_size((1U << 20) - 1), "1M");
    EXPECT_EQ(format_size(1U << 30), "1G");
    EXPECT_EQ(format_size(10ULL << 40), "10T");
    EXPECT_EQ(format_size(~0ULL), "16E");
}

// Round sizes read back as they are shown.
TEST(Units, RoundSizesSurviveBothWays) {
    for (unsigned shift = 0; shift < 64; ++shift)
        EXPECT_EQ(parse_size(format_size(1ULL << shift)), 1ULL << shift);
}

// Times carry their unit, can be combined, and a bare number has the unit that the option
// documents.
TEST(Units, TimesCarryTheirUnit) {
    EXPECT_EQ(parse_duration("30s"), 30s);
    EXPECT_EQ(parse_duration("2min"), 2min);
    EXPECT_EQ(parse_duration("1h30min"), 90min);
    EXPECT_EQ(parse_duration("1h 30min"), 90min);
    EXPECT_EQ(parse_duration("1.5ms"), 1500us);
    EXPECT_EQ(parse_duration("250us"), 250us);
    EXPECT_EQ(parse_duration("7ns"), 7ns);
    EXPECT_EQ(parse_duration("1d"), 24h);
    EXPECT_EQ(parse_duration("5"), 5s);
    EXPECT_EQ(parse_duration("5", 1ms), 5ms);
    EXPECT_EQ(parse_duration("0"), 0s);
    EXPECT_EQ(parse_duration("infinity"), infinity);
}

// The error names the bad time and the valid forms.
TEST(Units, BadTimesAreNamedTogetherWithGoodOnes) {
    for (const auto* text : {"", " ", "s", "-3s", "3x", "3s4", "9999999d", "forever", "3 s -1s",
                             "99999999999999999999s"}) {
        const auto words = complaint([=] { parse_duration(text, 0ns + 24h); });
        if (std::string(text) == "3s4")
            continue; // that is 3 s and 4 of the bare unit
        EXPECT_NE(words.find('"' + std::string(text) + '"'), std::string::npos) << text;
        EXPECT_NE(words.find("30s"), std::string::npos) << text;
    }
}

// Too many digits for any number are refused, also after the point.
TEST(Units, MoreDigitsThanANumberHoldsAreRefused) {
    EXPECT_EQ(parse_size("1.000000000000000000K"), 1024U);
    EXPECT_EQ(parse_duration("1.000000000000000000s"), 1s);
    for (const std::size_t digits : {19U, 20U, 64U, 65U, 1000U})
        for (const auto* const begin : {"", "1", "0.", "1."}) {
            const auto text = begin + std::string(digits, '7') + "7";
            EXPECT_NE(complaint([&] { parse_size(text); }).find("digits"), std::string::npos);
            EXPECT_NE(complaint([&] { parse_duration(text + "s"); }).find("digits"),
                      std::string::npos);
        }
}

// The longest time before infinity can be shown.
TEST(Units, TheLongestTimesAreShown) {
    EXPECT_EQ(format_duration(infinity - 1ns), "106751d 23h");
    EXPECT_EQ(format_duration(infinity - 1s), "106751d 23h");
}

// Three digits are enough for people.
TEST(Units, TimesAreShownWithThreeDigits) {
    EXPECT_EQ(format_duration(0ns), "0ns");
    EXPECT_EQ(format_duration(999ns), "999ns");
    EXPECT_EQ(format_duration(1500ns), "1.5us");
    EXPECT_EQ(format_duration(20ms), "20ms");
    EXPECT_EQ(format_duration(12345us), "12.3ms");
    EXPECT_EQ(format_duration(999'700us), "1s");
    EXPECT_EQ(format_duration(1500ms), "1.5s");
    EXPECT_EQ(format_duration(59'960ms), "1min");
    EXPECT_EQ(format_duration(123s), "2min 3s");
    EXPECT_EQ(format_duration(2h), "2h");
    EXPECT_EQ(format_duration(49h), "2d 1h");
    EXPECT_EQ(format_duration(infinity), "infinity");
}

// One worker, two workers, no workers.
TEST(Units, ThingsAreCounted) {
    EXPECT_EQ(format_count(1, "worker"), "1 worker");
    EXPECT_EQ(format_count(2, "worker"), "2 workers");
    EXPECT_EQ(format_count(0, "worker"), "0 workers");
}

} // namespace
} // namespace userblk
