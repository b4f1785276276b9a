// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/format/table_text.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace userblk::ctl {

class CommandLine;

/// The options of commands that print tables, the same as lsblk's.
class TableOptions {
public:
    void declare(CommandLine& line, const std::string& json_help);
    /// @throws UsageError if they exclude each other
    void check() const;

    bool json() const noexcept { return json_; }
    bool bytes() const noexcept { return bytes_; }
    bool chooses() const noexcept { return !columns_.empty(); }
    bool is_for_people() const noexcept { return !json_ && !raw_ && !pairs_; }
    /// Whether one of them selects a table.
    bool ask_for_table() const noexcept { return chooses() || no_headings_ || raw_ || pairs_; }

    /// The selected columns of @p names, in that order and each once. The default is
    /// @p defaults, separated by commas; "+NAME,SIZE" adds to it.
    /// @throws UsageError for an unknown column
    std::vector<std::size_t> choice(const std::vector<std::string>& names,
                                    const std::string& defaults) const;

    /// For standard output. Explicitly selected columns are never left out.
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
