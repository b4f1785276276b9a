// SPDX-License-Identifier: MIT
#include "userblk/ctl/command_line.hpp"

#include "userblk/units.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

namespace userblk::ctl {

namespace {

std::int64_t parse_number(const std::string& text, std::int64_t least, std::int64_t most) {
    std::int64_t value = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || rest != text.data() + text.size() || value < least || value > most)
        throw std::invalid_argument("invalid number \"" + text +
                                    "\"; expected a whole number from " + std::to_string(least) +
                                    " to " + std::to_string(most));
    return value;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i)
        text += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
    return text;
}

} // namespace

void CommandLine::argument(const std::string& name, std::string& target, const std::string& help,
                           bool required) {
    app_.add_option(name, target, help)->type_name("")->required(required);
}

void CommandLine::arguments(const std::string& name, std::vector<std::string>& target,
                            const std::string& help, bool required) {
    app_.add_option(name, target, help)->type_name("")->required(required);
}

void CommandLine::place(CLI::Option* option, const std::string& type) {
    option->type_name(type)->group(group_);
    if (!needs_.empty())
        option->needs(app_.get_option(needs_));
}

void CommandLine::flag(const std::string& names, bool& target, const std::string& help) {
    place(app_.add_flag(names, target, help), "");
}

void CommandLine::text(const std::string& names, std::string& target, const std::string& type,
                       const std::string& help) {
    place(app_.add_option(names, target, help), type);
}

void CommandLine::parsed(const std::string& names, const std::string& type,
                         std::function<void(const std::string&)> take, const std::string& help) {
    const auto last = names.rfind(',');
    const auto shown = last == std::string::npos ? names : names.substr(last + 1);
    const auto checked = [take = std::move(take), shown](const std::string& value) {
        try {
            take(value);
        } catch (const std::invalid_argument& error) {
            throw CLI::ValidationError(shown, error.what());
        }
    };
    place(app_.add_option_function<std::string>(names, checked, help), type);
}

void CommandLine::choice(const std::string& names, std::string& target,
                         const std::vector<std::string>& choices, const std::string& help) {
    parsed(
        names, "WORD",
        [&target, choices](const std::string& text) {
            if (std::find(choices.begin(), choices.end(), text) == choices.end())
                throw std::invalid_argument("invalid \"" + text + "\"; expected " +
                                            joined(choices));
            target = text;
        },
        help);
}

void CommandLine::size_option(const std::string& names, std::uint64_t most,
                              std::function<void(std::uint64_t)> take, const std::string& help) {
    parsed(
        names, "SIZE",
        [most, take = std::move(take)](const std::string& text) {
            const auto size = parse_size(text);
            if (size > most)
                throw std::invalid_argument(text + " is too large; it must be less than " +
                                            format_size(most));
            take(size);
        },
        help);
}

void CommandLine::time(const std::string& names, std::optional<std::chrono::nanoseconds>& target,
                       const std::string& help) {
    parsed(
        names, "TIME", [&target](const std::string& text) { target = parse_duration(text); }, help);
}

void CommandLine::number_option(const std::string& names, std::int64_t least, std::int64_t most,
                                std::function<void(std::int64_t)> take, const std::string& type,
                                const std::string& help) {
    parsed(
        names, type,
        [least, most, take = std::move(take)](const std::string& text) {
            take(parse_number(text, least, most));
        },
        help);
}

std::function<std::vector<CommandLine::Given>()> CommandLine::given() const {
    return [app = &app_] {
        std::vector<Given> all;
        for (const auto* const option : std::as_const(*app).get_options()) {
            if (option->count() == 0)
                continue;
            const auto& names = option->get_lnames();
            all.push_back({names.empty() ? "" : "--" + names.front(), option->results(),
                           option->get_group()});
        }
        return all;
    };
}

void CommandLine::selection(inspect::Selection& selection) {
    inspect::add_selection_options(app_, selection);
}

} // namespace userblk::ctl
