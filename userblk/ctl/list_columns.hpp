// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/lookup.hpp"
#include "userblk/cli/table.hpp"
#include "userblk/supervisor_file.hpp"
#include "userblk/supervisor_record.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace userblk::cli {
class JsonWriter;
}

namespace userblk::ctl {

/// What the list has on one device.
struct ListRow {
    std::uint32_t number = 0;
    abi::Attributes facts;
    std::vector<Announcement> supervisors;
    std::vector<SupervisorRecord> records;
};

/// @throws abi::NoSuchDevice if it is not there (any more)
ListRow list_row(std::uint32_t number);

/// A column: its heading and text for people, its key and value for JSON.
struct ListColumn {
    const char* heading;
    const char* key;
    cli::Table::Align align;
    void (*write)(cli::JsonWriter& json, const ListRow& row);
    std::string (*text)(const ListRow& row, bool bytes); ///< sizes in bytes
};
const std::vector<ListColumn>& list_columns();

/// An object.
void write(cli::JsonWriter& json, const std::vector<ListColumn>& columns, const ListRow& row);

} // namespace userblk::ctl
