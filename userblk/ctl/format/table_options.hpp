// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/format/table_text.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace userblk::ctl {

class CommandLine;

/// The options of commands that print tables, which are those of lsblk.
class TableOptions {
public:
    void declare(CommandLine& line, const std::string& json_help);
    /// @throws UsageError if they exclude each other
    void check() const;

    bool json() const noexcept { return json_; }
    bool bytes() const noexcept { return bytes_; }
    bool chooses() const noexcept { return !columns_.empty(); }
    bool is_for_people() const noexcept { return !json_ && !raw_ && !pairs_; }
    /// Whether a table was asked for by one of them.
    bool ask_for_table() const noexcept { return chooses() || no_headings_ || raw_ || pairs_; }

    /// Which of the columns @p names were asked for, in that order and each once; those of
    /// @p defaults, with commas between them, if none was, or if more were ("+NAME,SIZE").
    /// @throws UsageError if there is no such column
    std::vector<std::size_t> choice(const std::vector<std::string>& names,
                                    const std::string& defaults) const;

    /// For standard output. Columns that somebody asked for are never left out.
    TableLayout layout(bool drop_columns) const;

private:
    std::string columns_;
    bool no_headings_ = false;
    bool bytes_ = false;
    bool json_ = false;
    bool raw_ = false;
    bool pairs_ = false;
};

/// "A, B, C", for help texts and messages.
std::string column_list(const std::vector<std::string>& names);

} // namespace userblk::ctl
