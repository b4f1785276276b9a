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

/// A report on one device: what it is, its state, and its taken requests.
struct DeviceReport {
    userblk_info device;
    std::vector<inspect::Holding> holdings;
    std::vector<Announcement> supervisors;
    std::vector<SupervisorRecord> records;
    std::vector<inspect::NodeUser> users{}; ///< processes that have the control node open
};

DeviceReport report_of(const abi::ControlNode& node);

/// Prints it as text.
void print(std::ostream& out, const DeviceReport& report);
/// Writes it as an object.
void write(cli::JsonWriter& json, const DeviceReport& report);

} // namespace userblk::ctl
