// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/lookup.hpp"
#include "userblk/ctl/format/columns.hpp"
#include "userblk/supervisor/supervisor_file.hpp"
#include "userblk/supervisor_record.hpp"

#include <cstdint>
#include <vector>

namespace userblk::ctl {

/// The data of one device in the list.
struct ListRow {
    std::uint32_t number = 0;
    abi::Attributes facts;
    std::vector<Announcement> supervisors;
    std::vector<SupervisorRecord> records;
};

/// @throws abi::NoSuchDevice if it does not exist
ListRow list_row(std::uint32_t number);

const std::vector<Column<ListRow>>& list_columns();

} // namespace userblk::ctl
