// SPDX-License-Identifier: MIT
#include "userblk/cli/help.hpp"

#include "userblk/text/printable.hpp"

#include <sstream>

namespace userblk::cli {

namespace {

constexpr std::size_t line_width = 80;
constexpr std::size_t text_column = 26;

std::string entry(std::string left, const std::string& text) {
    left.insert(0, "  ");
    if (left.size() + 1 > text_column)
        left += "\n" + std::string(text_column, ' ');
    else
        left.resize(text_column, ' ');
    return left + fold(text, text_column, line_width) + "\n";
}

} // namespace

std::string fold(const std::string& text, std::size_t indent, std::size_t width) {
    std::istringstream words(text);
    std::string result, word;
    std::size_t column = indent;
    while (words >> word) {
        if (column > indent && column + 1 + word.size() > width) {
            result += "\n" + std::string(indent, ' ');
            column = indent;
        } else if (column > indent) {
            result += ' ';
            ++column;
        }
        result += word;
        column += word.size();
    }
    return result;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
    std::string left = option->get_name(is_positional, !is_positional);
    for (auto at = left.find(','); at != std::string::npos; at = left.find(',', at + 2))
        left.insert(at + 1, " ");
    const auto type = option->get_type_name();
    if (!is_positional && !type.empty())
        left += " " + type;
    return entry(left, option->get_description());
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
    return entry(command->get_name(), command->get_description());
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode mode) const {
    std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
    for (auto at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n", at))
        text.erase(at, 1);
    return text;
}

std::string HelpFormatter::make_description(const CLI::App* app) const {
    return fold(app->get_description(), 0, line_width) + ".\n";
}

std::string usage_message(const CLI::App* app, const CLI::Error& error) {
    std::string name = app->get_name();
    for (auto given = app->get_subcommands(); !given.empty(); given = given[0]->get_subcommands())
        name += " " + given[0]->get_name();
    return name + ": " + printable(error.what(), "\n") + "\nTry '" + name + " --help'.\n";
}

} // namespace userblk::cli
