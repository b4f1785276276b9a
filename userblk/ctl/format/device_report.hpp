// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "userblk/inspect/node_users.hpp"
#include "userblk/inspect/survey.hpp"
#include "userblk/supervisor/supervisor_file.hpp"
#include "userblk/supervisor_record.hpp"

#include <iosfwd>
#include <vector>

namespace userblk::cli {
class JsonWriter;
}

namespace userblk::ctl {

/// All that can be known of one device: what it is, how it is doing, and who holds what.
struct DeviceReport {
    userblk_info device;
    std::vector<inspect::Holding> holdings;
    std::vector<Announcement> supervisors;
    std::vector<SupervisorRecord> records;
    std::vector<inspect::NodeUser> users{}; ///< who has the control node open
};

DeviceReport report_of(const abi::ControlNode& node);

/// For people.
void print(std::ostream& out, const DeviceReport& report);
/// An object.
void write(cli::JsonWriter& json, const DeviceReport& report);

} // namespace userblk::ctl
