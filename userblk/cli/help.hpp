// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace userblk::cli {

/// CLI11's help text, folded to the width of a terminal, without the lists of
/// exclusions, which the texts mention themselves.
class HelpFormatter : public CLI::Formatter {
public:
    std::string make_option(const CLI::Option* option, bool is_positional) const override;
    std::string make_subcommand(const CLI::App* command) const override;
    std::string make_description(const CLI::App* app) const override;
    std::string make_help(const CLI::App* app, std::string name,
                          CLI::AppFormatMode mode) const override;
};

/// @p text folded into lines of at most @p width characters, each but the first
/// after @p indent blanks. A word that is too long gets its own line.
std::string fold(const std::string& text, std::size_t indent, std::size_t width);

/// The message for an invalid command line.
std::string usage_message(const CLI::App* app, const CLI::Error& error);

} // namespace userblk::cli
