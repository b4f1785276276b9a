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
/// @throws abi::NoSuchDevice if it is not there; cli::Failure if the caller may not
///         open it, with a text that tells who may
abi::ControlNode open_node(std::uint32_t number);

/// A request that somebody holds.
struct Holding {
    std::uint64_t id = 0;
    std::uint64_t offset = 0; ///< bytes
    std::uint32_t length = 0; ///< bytes
    std::string op;           ///< "read", "write", "flush", "discard", "write-zeroes"
    std::chrono::nanoseconds held{};
    std::uint32_t deliveries = 0; ///< 1 for the first
    pid_t pid = 0;                ///< who took it; 0: not visible from here
    bool alive = false;           ///< whether the taker lives
    std::string program;          ///< the taker's, if it lives and is visible
};

/// What is pending on one device.
struct Survey {
    std::uint32_t number = 0;
    std::string name;           ///< given at creation; may be empty
    std::uint64_t queued = 0;   ///< requests that wait
    std::uint64_t taken = 0;    ///< requests that somebody holds
    std::uint64_t orphaned = 0; ///< those whose taker is dead
    std::chrono::nanoseconds oldest_queued{};
    std::chrono::nanoseconds oldest_taken{};
    std::vector<Holding> holdings; ///< the taken ones, the longest held first
};

/// Asks a device what is pending and who holds it. Changes nothing.
/// @throws std::system_error if it was removed
Survey survey(const abi::ControlNode& node);

/// What info() told about who holds what, in words.
std::vector<Holding> holdings_of(const std::vector<userblk_taken>& taken);

/// "read", "write", "flush", "discard", "write-zeroes", or "op 17".
std::string op_name(unsigned op);
/// A request's id as people pass it on: "0x100000003".
std::string id_text(std::uint64_t id);
/// Takes what id_text() gives.
/// @throws std::invalid_argument naming what would be right
std::uint64_t parse_id(const std::string& text);

/// One line on the device, then one for each request that is held.
void print(std::ostream& out, const Survey& survey);
/// The requests that are held.
cli::Table table_of(const std::vector<Holding>& holdings);

/// The members of a JSON object; the caller opens and closes it.
void write(cli::JsonWriter& json, const Survey& survey);
/// Those that say which device it is, which each object about one begins with.
void write_identity(cli::JsonWriter& json, std::uint32_t number, std::string_view name);
/// The value of a member: a list of the requests.
void write(cli::JsonWriter& json, const std::vector<Holding>& holdings);

} // namespace userblk::inspect
