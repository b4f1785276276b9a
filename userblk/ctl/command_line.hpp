// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/inspect/selection.hpp"

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
} // namespace CLI

namespace userblk::ctl {

/// A command declares its options here. Every kind checks its value, and refuses an
/// invalid one with a message that names the option, the value and what is expected.
/// The targets must outlive the parsing.
class CommandLine {
public:
    explicit CommandLine(CLI::App& app) : app_(app) {}

    /// The heading in the help for the options declared from here on.
    void group(const std::string& heading) { group_ = heading; }
    /// They require this option, which was declared before.
    void needs(const std::string& option) { needs_ = option; }

    /// Positional arguments, in the order declared.
    void argument(const std::string& name, std::string& target, const std::string& help,
                  bool required = true);
    void arguments(const std::string& name, std::vector<std::string>& target,
                   const std::string& help, bool required = false);

    void flag(const std::string& names, bool& target, const std::string& help);
    void text(const std::string& names, std::string& target, const std::string& type,
              const std::string& help);
    /// A text from a list.
    void choice(const std::string& names, std::string& target,
                const std::vector<std::string>& choices, const std::string& help);

    /// A size in bytes, at most @p most.
    template <std::unsigned_integral T>
    void size(const std::string& names, std::optional<T>& target, const std::string& help) {
        size_option(
            names, std::numeric_limits<T>::max(),
            [&target](std::uint64_t value) { target = static_cast<T>(value); }, help);
    }
    /// A time; a bare number is in seconds.
    void time(const std::string& names, std::optional<std::chrono::nanoseconds>& target,
              const std::string& help);
    /// A whole number.
    template <std::integral T, typename Target>
    void number(const std::string& names, Target& target, T least, T most, const std::string& help,
                const std::string& type = "N") {
        number_option(
            names, static_cast<std::int64_t>(least), static_cast<std::int64_t>(most),
            [&target](std::int64_t value) { target = static_cast<T>(value); }, type, help);
    }
    /// A text for @p take, which throws std::invalid_argument to refuse it.
    void parsed(const std::string& names, const std::string& type,
                std::function<void(const std::string&)> take, const std::string& help);

    /// What the parsed command line contained: options by their long names, arguments
    /// without one.
    struct Given {
        std::string option;
        std::vector<std::string> values;
        std::string group; ///< see group()
    };
    std::function<std::vector<Given>()> given() const;

    /// The forced forms of a reset.
    void selection(inspect::Selection& selection);

private:
    void place(CLI::Option* option, const std::string& type);
    void size_option(const std::string& names, std::uint64_t most,
                     std::function<void(std::uint64_t)> take, const std::string& help);
    void number_option(const std::string& names, std::int64_t least, std::int64_t most,
                       std::function<void(std::int64_t)> take, const std::string& type,
                       const std::string& help);

    CLI::App& app_;
    std::string group_ = "Options";
    std::string needs_;
};

/// The forms of an argument DEV; for help texts.
inline constexpr const char* dev_help =
    "A number, userblkN, /dev/userblkN, /dev/userblkcN, or the device's name";

} // namespace userblk::ctl
