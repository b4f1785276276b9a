// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "userblk/cli/table.hpp"

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace userblk::cli {
class JsonWriter;
}

namespace userblk::inspect {

/// Opens the control node of device @p number.
/// @throws abi::NoSuchDevice if it does not exist; cli::Failure if the caller may not
///         open it, with a text that says who may
abi::ControlNode open_node(std::uint32_t number);

/// A taken request.
struct Holding {
    std::uint64_t id = 0;
    std::uint64_t offset = 0; ///< bytes
    std::uint32_t length = 0; ///< bytes
    std::string op;           ///< "read", "write", "flush", "discard", "write-zeroes"
    std::chrono::nanoseconds held{};
    std::uint32_t deliveries = 0; ///< 1 for the first
    pid_t pid = 0;                ///< its taker; 0: not visible from here
    bool alive = false;           ///< whether the taker is alive
    std::string program;          ///< the taker's, if alive and visible
};

/// What is pending on one device.
struct Survey {
    std::uint32_t number = 0;
    std::string name;           ///< given at creation; may be empty
    std::uint64_t queued = 0;   ///< requests in the queue
    std::uint64_t taken = 0;    ///< taken requests
    std::uint64_t orphaned = 0; ///< taken requests whose taker is dead
    std::chrono::nanoseconds oldest_queued{};
    std::chrono::nanoseconds oldest_taken{};
    std::vector<Holding> holdings; ///< the taken ones, the longest held first
};

/// Returns what is pending on a device and who holds it. Changes nothing.
/// @throws std::system_error if it was removed
Survey survey(const abi::ControlNode& node);

/// Converts the taken requests of info().
std::vector<Holding> holdings_of(const std::vector<userblk_taken>& taken);

/// "read", "write", "flush", "discard", "write-zeroes", or "op 17".
std::string op_name(unsigned op);
/// A request's id as text: "0x100000003".
std::string id_text(std::uint64_t id);
/// Parses the result of id_text().
/// @throws std::invalid_argument with the expected form
std::uint64_t parse_id(const std::string& text);

/// Prints a line for the device, then one for each taken request.
void print(std::ostream& out, const Survey& survey);
/// A table of taken requests.
cli::Table table_of(const std::vector<Holding>& holdings);

/// The members of a JSON object; the caller opens and closes it.
void write(cli::JsonWriter& json, const Survey& survey);
/// The members that identify a device; each object about one starts with them.
void write_identity(cli::JsonWriter& json, std::uint32_t number, std::string_view name);
/// The value of a member: a list of the requests.
void write(cli::JsonWriter& json, const std::vector<Holding>& holdings);

} // namespace userblk::inspect
