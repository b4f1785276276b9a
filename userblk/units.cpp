// SPDX-License-Identifier: MIT
#include "userblk/units.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <limits>
#include <optional>
#include <stdexcept>

namespace userblk {

namespace {

__extension__ using Wide = unsigned __int128; // fits a number times a unit

constexpr std::string_view size_help =
    "a size is a number of bytes, or a number with K, M, G, T, P "
    "or E (powers of 1024), such as 4096, 512K or 1.5G";
constexpr std::string_view time_help =
    "a time is a number with ns, us, ms, s, min, h or d, such as "
    "30s, 1h30min or 1.5ms, or it is infinity";

[[noreturn]] void refuse(std::string_view what, std::string_view text, std::string_view why,
                         std::string_view help) {
    throw std::invalid_argument("invalid " + std::string(what) + " \"" + std::string(text) +
                                "\": " + std::string(why) + "; " + std::string(help));
}

// A decimal number at the start of a text: digits and a power of ten.
struct Decimal {
    std::uint64_t digits = 0;
    std::uint64_t scale = 1; // the value is digits / scale
    std::size_t length = 0;  // characters consumed; 0: no number
    bool overflow = false;   // then the other fields are meaningless
};

Decimal parse_decimal(std::string_view text) {
    constexpr std::size_t most_behind_point = 18; // more overflow the scale
    Decimal number;
    bool point = false;
    std::size_t digits = 0, behind_point = 0;
    for (const char c : text) {
        if (c == '.' && !point) {
            point = true;
        } else if (std::isdigit(static_cast<unsigned char>(c))) {
            const auto digit = static_cast<std::uint64_t>(c - '0');
            number.overflow |=
                number.digits > (std::numeric_limits<std::uint64_t>::max() - digit) / 10;
            number.overflow |= point && ++behind_point > most_behind_point;
            if (!number.overflow) {
                number.digits = number.digits * 10 + digit;
                number.scale *= point ? 10U : 1U;
            }
            ++digits;
        } else {
            break;
        }
        ++number.length;
    }
    if (digits == 0)
        number.length = 0;
    return number;
}

std::optional<std::uint64_t> size_unit(std::string_view text) {
    constexpr std::string_view letters = "KMGTPE";
    if (text.empty() || text == "B" || text == "b")
        return 1;
    const auto letter = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
    const auto power = letters.find(letter);
    const auto rest = text.substr(1);
    const bool known = rest.empty() || rest == "B" || rest == "b" || rest == "iB" || rest == "ib";
    if (power == std::string_view::npos || !known)
        return std::nullopt;
    return std::uint64_t(1) << (10 * (power + 1));
}

struct TimeUnit {
    std::string_view name;
    std::chrono::nanoseconds value;
};

using namespace std::chrono_literals;
constexpr std::array<TimeUnit, 14> time_units{{{"ns", 1ns},
                                               {"us", 1us},
                                               {"ms", 1ms},
                                               {"s", 1s},
                                               {"sec", 1s},
                                               {"second", 1s},
                                               {"seconds", 1s},
                                               {"m", 1min},
                                               {"min", 1min},
                                               {"minute", 1min},
                                               {"minutes", 1min},
                                               {"h", 1h},
                                               {"hour", 1h},
                                               {"d", 24h}}};

std::optional<std::chrono::nanoseconds> time_unit(std::string_view name) {
    for (const auto& unit : time_units)
        if (unit.name == name)
            return unit.value;
    return std::nullopt;
}

std::string_view skip_spaces(std::string_view text) {
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    return text;
}

} // namespace

std::uint64_t parse_size(std::string_view text) {
    const auto refuse_because = [text](const std::string& why) {
        refuse("size", text, why, size_help);
    };
    if (text.empty())
        refuse_because("it is empty");
    if (text.front() == '-')
        refuse_because("it is negative");
    const auto number = parse_decimal(text);
    if (number.length == 0)
        refuse_because("it does not start with a number");
    const auto unit_text = text.substr(number.length);
    const auto unit = size_unit(unit_text);
    if (!unit)
        refuse_because("unknown unit \"" + std::string(unit_text) + "\"");
    const Wide bytes = Wide(number.digits) * *unit / number.scale;
    if (number.overflow || bytes > std::numeric_limits<std::uint64_t>::max())
        refuse_because("it is too large, or has too many digits");
    if (*unit == 1 && number.scale > 1)
        refuse_because("a fraction needs a unit, such as " +
                       std::string(text.substr(0, number.length)) + "G");
    return static_cast<std::uint64_t>(bytes);
}

std::string format_size(std::uint64_t bytes) {
    constexpr std::string_view letters = "KMGTPE";
    if (bytes < 1024)
        return std::to_string(bytes);
    unsigned power = 0; // of letters
    while (power + 1 < letters.size() && (bytes >> (10 * (power + 2))) != 0)
        ++power;
    const std::uint64_t unit = std::uint64_t(1) << (10 * (power + 1));
    auto tenths = static_cast<std::uint64_t>((Wide(bytes) * 10 + unit / 2) / unit);
    if (tenths == 10240 && power + 1 < letters.size()) { // 1023.97K is 1M
        tenths = 10;
        ++power;
    }
    std::string text = std::to_string(tenths / 10);
    if (tenths % 10 != 0)
        text.append(".").append(std::to_string(tenths % 10));
    return text + letters[power];
}

std::chrono::nanoseconds parse_duration(std::string_view text, std::chrono::nanoseconds bare_unit) {
    const auto refuse_because = [text](std::string_view why) {
        refuse("time", text, why, time_help);
    };
    if (text == "infinity" || text == "infinite")
        return infinity;
    if (skip_spaces(text).empty())
        refuse_because("it is empty");
    Wide total = 0;
    for (auto rest = skip_spaces(text); !rest.empty(); rest = skip_spaces(rest)) {
        if (rest.front() == '-')
            refuse_because("it is negative");
        const auto number = parse_decimal(rest);
        if (number.length == 0)
            refuse_because("there is no number before \"" + std::string(rest) + "\"");
        rest = skip_spaces(rest.substr(number.length));
        std::size_t length = 0;
        while (length < rest.size() && std::isalpha(static_cast<unsigned char>(rest[length])))
            ++length;
        const auto name = rest.substr(0, length);
        rest.remove_prefix(length);
        const auto unit = name.empty() ? std::optional(bare_unit) : time_unit(name);
        if (!unit)
            refuse_because("unknown unit \"" + std::string(name) + "\"");
        total += Wide(number.digits) * static_cast<std::uint64_t>(unit->count()) / number.scale;
        if (number.overflow || total >= static_cast<Wide>(infinity.count()))
            refuse_because("it is too long, or has too many digits");
    }
    return std::chrono::nanoseconds(static_cast<std::int64_t>(total));
}

std::string format_duration(std::chrono::nanoseconds time) {
    if (time == infinity)
        return "infinity";
    const auto ns = static_cast<double>(time.count());
    const auto three_digits = [](double value, const char* unit) {
        std::array<char, 32> text{};
        const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
        std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
        std::string number(text.data());
        if (decimals > 0) { // 1.50 is 1.5, 20.0 is 20
            number.erase(number.find_last_not_of('0') + 1);
            if (number.back() == '.')
                number.pop_back();
        }
        return number + unit;
    };
    if (ns < 1e3)
        return std::to_string(time.count()) + "ns";
    if (ns < 999.5e3)
        return three_digits(ns / 1e3, "us");
    if (ns < 999.5e6)
        return three_digits(ns / 1e6, "ms");
    if (ns < 59.95e9)
        return three_digits(ns / 1e9, "s");
    const auto two = [](std::int64_t large, const char* large_unit, std::int64_t small,
                        const char* small_unit) {
        std::string text = std::to_string(large) + large_unit;
        if (small != 0)
            text.append(" ").append(std::to_string(small)).append(small_unit);
        return text;
    };
    // Not std::chrono::round: it computes the next second, which may overflow.
    constexpr auto billion = std::nano::den;
    const auto seconds = time.count() / billion + (time.count() % billion >= billion / 2 ? 1 : 0);
    if (seconds < 3600)
        return two(seconds / 60, "min", seconds % 60, "s");
    if (seconds < 86400)
        return two(seconds / 3600, "h", seconds % 3600 / 60, "min");
    return two(seconds / 86400, "d", seconds % 86400 / 3600, "h");
}

std::string format_count(std::uint64_t count, std::string_view noun) {
    return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

} // namespace userblk
