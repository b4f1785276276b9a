// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace userblk::cli {

/// CLI11's help text, folded to the width of a terminal and without the lists of
/// what excludes what, which the texts themselves tell.
class HelpFormatter : public CLI::Formatter {
public:
    std::string make_option(const CLI::Option* option, bool is_positional) const override;
    std::string make_subcommand(const CLI::App* command) const override;
    std::string make_description(const CLI::App* app) const override;
    std::string make_help(const CLI::App* app, std::string name,
                          CLI::AppFormatMode mode) const override;
};

/// @p text folded into lines of at most @p width characters, each but the first
/// after @p indent blanks. A word that is too long has a line of its own.
std::string fold(const std::string& text, std::size_t indent, std::size_t width);

/// What a program says to a wrong command line, on standard error.
std::string usage_message(const CLI::App* app, const CLI::Error& error);

} // namespace userblk::cli
